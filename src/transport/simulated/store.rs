//! The data of the simulated server: lists, hashes and strings.

use std::collections::{BTreeMap, VecDeque};

#[derive(Debug, Default)]
pub(crate) struct Store {
    keys: BTreeMap<Vec<u8>, Entry>,
    versions: BTreeMap<Vec<u8>, u64>,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    /// Whether the key has a TTL. No schedule is long enough for it to expire.
    expires: bool,
}

type Hash = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug)]
pub(super) enum Value {
    Text(Vec<u8>),
    List(VecDeque<Vec<u8>>),
    Hash(Hash),
}

/// The key holds another type.
pub(super) struct WrongType;

impl Store {
    /// Returns how many times a key was changed.
    pub(super) fn version(&self, key: &[u8]) -> u64 {
        self.versions.get(key).copied().unwrap_or_default()
    }

    fn change(&mut self, key: &[u8]) {
        *self.versions.entry(key.to_vec()).or_default() += 1;
    }

    pub(super) fn text(&self, key: &[u8]) -> Result<Option<&[u8]>, WrongType> {
        match self.keys.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(WrongType),
        }
    }

    pub(super) fn list(&self, key: &[u8]) -> Result<Option<&VecDeque<Vec<u8>>>, WrongType> {
        match self.keys.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(_) => Err(WrongType),
        }
    }

    pub(super) fn hash(&self, key: &[u8]) -> Result<Option<&Hash>, WrongType> {
        match self.keys.get(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Hash(hash)) => Ok(Some(hash)),
            Some(_) => Err(WrongType),
        }
    }

    /// Returns a field of a hash.
    pub(crate) fn field(&self, key: &[u8], field: &[u8]) -> Option<&[u8]> {
        self.hash(key).ok().flatten()?.get(field).map(Vec::as_slice)
    }

    /// Returns the length of a list; 0 if the list does not exist.
    pub(crate) fn length(&self, key: &[u8]) -> usize {
        self.list(key).ok().flatten().map_or(0, VecDeque::len)
    }

    pub(super) fn exists(&self, key: &[u8]) -> bool {
        self.keys.contains_key(key)
    }

    /// Returns whether a key has a TTL; `None` if the key does not exist.
    pub(super) fn expires(&self, key: &[u8]) -> Option<bool> {
        self.keys.get(key).map(|entry| entry.expires)
    }

    pub(crate) fn expire(&mut self, key: &[u8]) -> bool {
        let entry = self.keys.get_mut(key);
        entry.map(|entry| entry.expires = true).is_some()
    }

    pub(super) fn set(&mut self, key: &[u8], text: &[u8], expires: bool) {
        self.change(key);
        self.keys.insert(key.to_vec(), Entry { value: Value::Text(text.to_vec()), expires });
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        self.change(key);
        self.keys.remove(key).is_some()
    }

    /// Appends to a list and returns its new length.
    pub(crate) fn append(&mut self, key: &[u8], value: &[u8]) -> usize {
        self.change(key);
        let empty = || Entry { value: Value::List(VecDeque::new()), expires: false };
        match &mut self.keys.entry(key.to_vec()).or_insert_with(empty).value {
            Value::List(list) => {
                list.push_back(value.to_vec());
                list.len()
            }
            _ => panic!("no list"),
        }
    }

    /// Removes and returns the first entry of a list.
    pub(crate) fn take(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.change_list(key, VecDeque::pop_front).flatten()
    }

    /// Changes a list, which is deleted once it is empty.
    pub(super) fn change_list<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut VecDeque<Vec<u8>>) -> T,
    ) -> Option<T> {
        self.change(key);
        let Value::List(list) = &mut self.keys.get_mut(key)?.value else { return None };
        let changed = change(list);
        if list.is_empty() {
            self.keys.remove(key);
        }
        Some(changed)
    }

    pub(crate) fn put(&mut self, key: &[u8], field: &[u8], value: &[u8]) {
        self.change(key);
        let empty = || Entry { value: Value::Hash(BTreeMap::new()), expires: true };
        if let Value::Hash(hash) = &mut self.keys.entry(key.to_vec()).or_insert_with(empty).value {
            hash.insert(field.to_vec(), value.to_vec());
        }
    }

    /// Returns the keys without a TTL.
    pub(crate) fn endless(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().filter(|(_, entry)| !entry.expires).map(|(key, _)| key.as_slice())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.keys().map(Vec::as_slice)
    }
}
