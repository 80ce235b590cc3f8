//! What can go wrong on the way to a server and back.

use std::io;

/// Why something could not be fetched. Addresses in messages show no secrets.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A text that is no address.
    #[error("`{url}` is not an address that can be fetched: {reason}")]
    Url {
        /// The text, without what may be secret.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header that can't be sent.
    #[error("the header `{0}` has characters that can't be sent")]
    Header(String),
    /// The server could not be reached, or did not answer as one.
    #[error("cannot {action} `{url}`: {reason}")]
    Send {
        /// What was tried: a verb and what follows it.
        action: &'static str,
        /// What was fetched, or where something was sent.
        url: String,
        /// Why it failed, in words.
        reason: String,
    },
    /// The server sent on and on.
    #[error("cannot fetch `{url}`: {reason}")]
    Redirect {
        /// Where it began.
        url: String,
        /// What is wrong with the last step.
        reason: String,
    },
    /// The server's answer is not the wanted one.
    #[error("cannot fetch `{url}`: the server answered {}", status_text(*.status))]
    Status {
        /// What was fetched.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection broke before the end.
    #[error("the connection broke after {received} bytes of `{url}`")]
    Broken {
        /// What was fetched.
        url: String,
        /// Bytes that had come.
        received: u64,
        /// Why.
        source: io::Error,
    },
    /// More bytes than make sense.
    #[error("`{url}` has more than {limit} bytes, which is more than makes sense")]
    TooLarge {
        /// What was fetched.
        url: String,
        /// The most that was wanted, in bytes.
        limit: u64,
    },
    /// The rest of a broken download is of something else.
    #[error("`{0}` changed while it was fetched")]
    Changed(String),
    /// What came could not be kept.
    #[error("cannot keep what came from `{url}`")]
    Keep {
        /// What was fetched.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// What was to be sent could not be read.
    #[error("cannot read what is sent to `{url}`")]
    Payload {
        /// Where to.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// No certificates to judge servers by.
    #[error("cannot read the certificates of trusted authorities: {0}")]
    Roots(String),
    /// A proxy that can't be used.
    #[error("cannot use the proxy: {0}")]
    Proxy(String),
    /// [`Client::stop`](super::Client::stop) was called.
    #[error("cancelled")]
    Stopped,
}

fn status_text(status: u16) -> String {
    let name = ureq::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    match name {
        Some(name) => format!("{status} ({name})"),
        None => status.to_string(),
    }
}
