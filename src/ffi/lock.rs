//! Locks of handles, for one thread at a time or for any number of threads.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::error::{Error, Result};
use crate::transport::close_inherited;

/// A value for one thread at a time. A second thread gets an error, since no deadline would end its wait.
pub struct Single<T> {
    what: &'static str,
    value: ManuallyDrop<Mutex<T>>,
}

impl<T> Single<T> {
    /// `what` names the handle in errors.
    pub(super) fn new(what: &'static str, value: T) -> Self {
        Single { what, value: ManuallyDrop::new(Mutex::new(value)) }
    }

    pub(super) fn lock(&self) -> Result<MutexGuard<'_, T>> {
        match self.value.try_lock() {
            Ok(value) => Ok(value),
            // After a panic the handle itself is poisoned.
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Error::invalid(format!(
                "the {} handle is in use by another thread; use one handle per thread",
                self.what
            ))),
        }
    }
}

impl<T> Drop for Single<T> {
    /// If the value is locked, this is a forked child and the thread that uses it belongs to the parent. The
    /// value may be in the middle of a change, so it is leaked.
    fn drop(&mut self) {
        if let Err(TryLockError::WouldBlock) = self.value.try_lock() {
            close_inherited();
            return;
        }
        // SAFETY: dropped only here, and not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.value) };
    }
}

/// A value that any number of threads may read and change. No code blocks while holding the lock.
pub struct Shared<T>(Mutex<T>);

impl<T: Clone> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Shared(Mutex::new(value))
    }

    pub(super) fn get(&self) -> T {
        self.lock().clone()
    }

    /// Changes the value, or leaves it unchanged if the change fails. Holds the lock throughout, so that no
    /// update of another thread is lost.
    pub(super) fn change(&self, change: impl FnOnce(T) -> Result<T>) -> Result<()> {
        let mut value = self.lock();
        *value = change(value.clone())?;
        Ok(())
    }

    /// Changes the value in place. A change that fails must leave it unchanged.
    pub(super) fn update(&self, change: impl FnOnce(&mut T) -> Result<()>) -> Result<()> {
        change(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
