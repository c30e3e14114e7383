//! Locks of handles: for one thread at a time, or for any number of them.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::error::{Error, Result};
use crate::transport::close_inherited;

/// A value for one thread at a time. A second one is refused: no deadline could end its wait here.
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
            // The handle itself refuses further use after a panic.
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(Error::invalid(format!(
                "the {} handle is in use by another thread; use one handle per thread",
                self.what
            ))),
        }
    }
}

impl<T> Drop for Single<T> {
    /// A thread that uses it while it is freed can only be one of the parent, in a forked child: the value
    /// is as that thread left it, in the middle of a change perhaps. Its memory stays as it is.
    fn drop(&mut self) {
        if let Err(TryLockError::WouldBlock) = self.value.try_lock() {
            close_inherited();
            return;
        }
        // SAFETY: dropped here only, and not used after.
        unsafe { ManuallyDrop::drop(&mut self.value) };
    }
}

/// A value that any number of threads may read and change; nothing blocks while it is locked.
pub struct Shared<T>(Mutex<T>);

impl<T: Clone> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Shared(Mutex::new(value))
    }

    pub(super) fn get(&self) -> T {
        self.lock().clone()
    }

    /// Changes the value, or leaves it as it is where the change fails. Locked throughout, so that
    /// what another thread changes meanwhile is not lost.
    pub(super) fn change(&self, change: impl FnOnce(T) -> Result<T>) -> Result<()> {
        let mut value = self.lock();
        *value = change(value.clone())?;
        Ok(())
    }

    /// Changes the value in place; the change has to leave it as it is where it fails.
    pub(super) fn update(&self, change: impl FnOnce(&mut T) -> Result<()>) -> Result<()> {
        change(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
