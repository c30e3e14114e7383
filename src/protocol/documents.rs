//! [`Documents`]: what one push of a command puts into the controller's queue.

use super::Address;
use super::command::Contents;
use super::text::Invalid;

/// Redis closes a connection whose unread input exceeds `client-query-buffer-limit`, 1 GiB by default.
const MAX_PUSH: usize = 256 * 1024 * 1024;

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
        self.write_within(MAX_PUSH, contents, id, address)
    }

    fn write_within(
        &mut self,
        limit: usize,
        contents: &Contents,
        id: &str,
        address: &Address<'_>,
    ) -> Result<(), Invalid> {
        if !self.bytes.is_empty() {
            self.ends.push(self.bytes.len());
        }
        contents.write_json(id, address, &mut self.bytes)?;
        match self.size() {
            size if size > limit => Err(Invalid::Other(format!(
                "the command for all agents is larger than {limit} bytes: send it to fewer agents at a time"
            ))),
            _ => Ok(()),
        }
    }

    /// The size of all documents in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The only document, where there is one: that of all commands but those for a list of agents.
    pub(crate) fn single(&self) -> Option<&[u8]> {
        (self.ends.is_empty() && !self.bytes.is_empty()).then_some(&self.bytes[..])
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
        assert!(documents.single().is_none());
        documents.clear();
        assert_eq!((documents.iter().count(), documents.size()), (0, 0));
        assert!(documents.single().is_none());
        let one = Documents::one(b"{}".to_vec());
        assert_eq!((one.single(), one.iter().count()), (Some(&b"{}"[..]), 1));
    }

    #[test]
    fn a_push_that_redis_would_not_take_is_refused() {
        let contents = Contents::of("ping", "x".repeat(400));
        let mut documents = Documents::default();
        let mut write = |nid| {
            let address = Address { gid: 1, nid, ..Address::default() };
            documents.write_within(1200, &contents, "i", &address)
        };
        assert!(write(1).is_ok() && write(2).is_ok());
        let refused = write(3).expect_err("a push of three").to_string();
        assert!(refused.contains("1200 bytes") && refused.contains("fewer agents"), "{refused}");
    }
}
