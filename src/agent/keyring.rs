//! An agent inside of this process: keys from files.

use super::error::KeyError;
use super::key::PrivateKey;
use super::wire::{
    FAILURE, IDENTITIES_ANSWER, LONGEST, REQUEST_IDENTITIES, SIGN_REQUEST, SIGN_RESPONSE, Values, number, string,
};

/// Private keys that sign for whoever asks. They are never shown.
#[derive(Debug, Default)]
pub struct Keyring(Vec<(PrivateKey, String)>);

impl Keyring {
    /// Adds the key in a file's bytes; `name` is its comment when it has none.
    pub(super) fn add(&mut self, file: &[u8], name: &str) -> Result<(), KeyError> {
        let (key, comment) = PrivateKey::parse(file)?;
        let comment = if comment.is_empty() { name.to_owned() } else { comment };
        self.0.push((key, comment));
        Ok(())
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Answers a message.
    pub(super) fn answer(&self, message: &[u8]) -> Vec<u8> {
        let mut values = Values(message);
        let answer = match values.byte() {
            Some(REQUEST_IDENTITIES) => Some(self.identities()),
            Some(SIGN_REQUEST) => self.sign(values),
            _ => None,
        };
        answer.filter(|it| it.len() <= LONGEST).unwrap_or_else(|| vec![FAILURE])
    }

    fn identities(&self) -> Vec<u8> {
        let mut answer = vec![IDENTITIES_ANSWER];
        number(&mut answer, self.0.len());
        for (key, comment) in &self.0 {
            string(&mut answer, key.public());
            string(&mut answer, comment.as_bytes());
        }
        answer
    }

    fn sign(&self, mut values: Values<'_>) -> Option<Vec<u8>> {
        let public = values.string()?;
        let data = values.string()?;
        let flags = values.number()?;
        let (key, _) = self.0.iter().find(|(key, _)| key.public() == public)?;
        let mut answer = vec![SIGN_RESPONSE];
        string(&mut answer, &key.sign(data, flags)?);
        Some(answer)
    }
}
