//! JSON-RPC 2.0: what a message is, and what an answer looks like.

use serde_json::{Value, json};

/// A message from the client.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    /// Wants an answer.
    Request { id: Value, method: String, params: Value },
    /// Wants none.
    Notification { method: String, params: Value },
    /// An answer to a request of ours.
    Response,
}

/// Why a request can't be done. The numbers are those of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: i32,
    pub(super) message: String,
}

impl Refusal {
    pub(super) const PARSE: i32 = -32_700;
    pub(super) const INVALID_REQUEST: i32 = -32_600;
    pub(super) const METHOD_NOT_FOUND: i32 = -32_601;
    pub(super) const INVALID_PARAMS: i32 = -32_602;
    pub(super) const INTERNAL: i32 = -32_603;
    pub(super) const NOT_INITIALIZED: i32 = -32_002;
    pub(super) const CANCELLED: i32 = -32_800;
    pub(super) const FAILED: i32 = -32_803;

    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The request makes sense, but not here.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(Self::FAILED, message)
    }
}

impl Message {
    /// Reads the body of a message; an error is the answer to it.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Value> {
        let refuse = |id, code, message: String| Err(answer(id, Err(Refusal::new(code, message))));
        let value: Value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(error) => return refuse(Value::Null, Refusal::PARSE, format!("the message is no JSON: {error}")),
        };
        let Value::Object(mut members) = value else {
            let message = "a message is an object".to_owned();
            return refuse(Value::Null, Refusal::INVALID_REQUEST, message);
        };
        let id = members.remove("id");
        let params = members.remove("params").unwrap_or_default();
        let is_id = |id: &Value| matches!(id, Value::String(_) | Value::Number(_));
        match (members.remove("method"), id) {
            (Some(Value::String(method)), None) => Ok(Self::Notification { method, params }),
            (Some(Value::String(method)), Some(id)) if is_id(&id) => Ok(Self::Request { id, method, params }),
            (None, Some(_)) if members.contains_key("result") || members.contains_key("error") => Ok(Self::Response),
            (_, id) => {
                let id = id.filter(is_id).unwrap_or_default();
                let message = "the message is neither a request nor a notification nor a response".to_owned();
                refuse(id, Refusal::INVALID_REQUEST, message)
            }
        }
    }
}

/// The answer to the request `id`.
pub(super) fn answer(id: Value, result: Result<Value, Refusal>) -> Value {
    match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(Refusal { code, message }) => {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
        }
    }
}

/// A notification of ours.
pub(super) fn notification(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

/// A request of ours.
pub(super) fn request(id: &str, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        for (body, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#, "Request"),
            (r#"{"jsonrpc":"2.0","id":"x","method":"a","params":[]}"#, "Request"),
            (r#"{"jsonrpc":"2.0","method":"a","params":{}}"#, "Notification"),
            (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, "Response"),
            (r#"{"id":1,"error":{"code":1,"message":""}}"#, "Response"),
            ("{", "-32700"),
            ("\u{feff}{}", "-32700"),
            ("[]", "-32600"),
            ("7", "-32600"),
            ("{}", "-32600"),
            (r#"{"id":{},"method":"a"}"#, "-32600"),
            (r#"{"id":1,"method":7}"#, "-32600"),
        ] {
            let found = match Message::parse(body.as_bytes()) {
                Ok(message) => format!("{message:?}"),
                Err(answer) => answer["error"]["code"].to_string(),
            };
            assert!(found.starts_with(expected), "{body}: {found}");
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(Message::parse(deep.as_bytes()).is_err());
        assert!(Message::parse(b"{\"a\":\"\xff\"}").is_err());
    }
}
