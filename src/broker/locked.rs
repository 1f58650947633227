//! Locking a mutex that a panic elsewhere may have poisoned.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, poisoned or not: nothing in this crate leaves its state half changed
/// at a point that can panic, so what a poisoned lock guards is still whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
