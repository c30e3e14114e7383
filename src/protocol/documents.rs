//! [`Documents`]: what one push of a command puts into the controller's queue.

use super::Address;
use super::command::{Contents, check_push};
use super::text::Invalid;

/// The documents of a command, in one buffer: one, or one for each agent of a list.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    bytes: Vec<u8>,
    /// Where each ends, without the last: a single document needs no allocation for this.
    ends: Vec<usize>,
}

impl Documents {
    pub(super) fn one(bytes: Vec<u8>) -> Self {
        Documents { bytes, ends: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Appends the document of `contents` for one address.
    pub(super) fn write(
        &mut self,
        contents: &Contents,
        id: &str,
        address: &Address<'_>,
    ) -> Result<(), Invalid> {
        if !self.bytes.is_empty() {
            self.ends.push(self.bytes.len());
        }
        contents.write_json(id, address, &mut self.bytes)?;
        check_push(self.bytes.len())
    }

    /// The size of all documents in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The documents in the order of their agents; none of a command that is known by its id only.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.ends.iter().copied().chain((!self.bytes.is_empty()).then_some(self.size()));
        let mut start = 0;
        ends.map(move |end| &self.bytes[std::mem::replace(&mut start, end)..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart() {
        let mut documents = Documents::default();
        assert_eq!(documents.iter().count(), 0);
        let contents = Contents::of("ping", "");
        for nid in 1..=3 {
            let address = Address { gid: 1, nid, ..Address::default() };
            documents.write(&contents, "i", &address).unwrap();
        }
        let nids = documents.iter().map(|document| {
            let document: serde_json::Value = serde_json::from_slice(document).unwrap();
            document["nid"].as_u64().unwrap()
        });
        assert_eq!(nids.collect::<Vec<_>>(), [1, 2, 3]);
        documents.clear();
        assert_eq!((documents.iter().count(), documents.size()), (0, 0));
    }

    #[test]
    fn a_push_that_redis_would_not_take_is_refused() {
        let contents = Contents::of("ping", "x".repeat(40 << 20));
        let mut documents = Documents::default();
        let mut write =
            |nid| documents.write(&contents, "i", &Address { gid: 1, nid, ..Address::default() });
        assert!(write(1).is_ok());
        let refused = (2..=20).find_map(|nid| write(nid).err()).expect("a refusal");
        assert!(refused.to_string().contains("fewer agents"), "{refused}");
    }
}
