//! The variables that a word may use.

use std::collections::HashMap;

/// Variables with their values; the one that was set last comes last.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `None` where a variable was set again later.
    slots: Vec<Option<(String, String)>>,
    places: HashMap<String, usize>,
    size: usize,
}

impl Environment {
    /// Without variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let slot = self.slots.get(*self.places.get(name)?)?;
        slot.as_ref().map(|(_, value)| value.as_str())
    }

    /// Sets `name`, which moves to the end.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        self.remove(&name);
        if self.slots.len() > 16 && self.slots.len() > 2 * self.places.len() {
            self.close_gaps();
        }
        self.size += name.len() + value.len();
        self.places.insert(name.clone(), self.slots.len());
        self.slots.push(Some((name, value)));
    }

    /// Forgets `name`.
    pub fn remove(&mut self, name: &str) {
        if let Some((name, value)) = self.places.remove(name).and_then(|place| self.slots[place].take()) {
            self.size -= name.len() + value.len();
        }
    }

    /// Names and values, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.slots
            .iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names, oldest first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// Bytes in all names and values.
    pub fn size(&self) -> usize {
        self.size
    }

    fn close_gaps(&mut self) {
        self.slots.retain(Option::is_some);
        for (place, (name, _)) in self.slots.iter().flatten().enumerate() {
            if let Some(known) = self.places.get_mut(name) {
                *known = place;
            }
        }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(pairs: T) -> Self {
        let mut environment = Self::new();
        for (name, value) in pairs {
            environment.set(name, value);
        }
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_again_moves_to_the_end() {
        let mut environment: Environment = [("a", "1"), ("b", "2")].into_iter().collect();
        environment.set("a", "3");
        assert_eq!(environment.iter().collect::<Vec<_>>(), [("b", "2"), ("a", "3")]);
        for round in 0..1000 {
            environment.set("b", round.to_string());
        }
        assert_eq!(environment.get("a"), Some("3"));
        assert_eq!(environment.get("b"), Some("999"));
        assert!(environment.slots.len() < 100, "gaps are closed");
        assert_eq!(environment.size(), 2 + 1 + 3);
    }
}
