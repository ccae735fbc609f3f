//! A budget of bytes in flight for the whole process. A message is charged as it arrives, and the charge is returned when
//! the request has been sent to Bedrock.
//!
//! Small messages have a share of their own, so that large ones that wait or stall do not stop ordinary calls. A large message
//! reserves its whole size once its first bytes have arrived: with partial reservations, many large messages could each hold a
//! part and wait for the rest for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A message up to this size is small.
pub(crate) const SMALL_MESSAGE_BYTES: usize = 64 * 1024;

/// The share of small messages: one eighth.
const SMALL_SHARE: usize = 8;

/// The unit of a charge. A semaphore counts permits, and a coarser unit keeps their number small.
const BYTES_PER_PERMIT: usize = 1024;

/// Maximum time that a message waits for room. Requests are normally sent to Bedrock within milliseconds. If there is no
/// room after this time, a longer wait does not help.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(2);

/// The budget. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct ByteBudget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    small_permits: usize,
    /// The number of permits of `large`. A message needs at most this many.
    large_permits: u32,
}

/// A part of the budget. Dropping it returns the part.
#[derive(Debug)]
pub(crate) struct ByteCharge(OwnedSemaphorePermit);

impl ByteBudget {
    /// A budget of `bytes`.
    #[must_use]
    pub(crate) fn new(bytes: u64) -> Self {
        let permits = usize::try_from(bytes).unwrap_or(usize::MAX) / BYTES_PER_PERMIT;
        let permits = permits.clamp(SMALL_SHARE, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let small = permits / SMALL_SHARE;
        let large = permits - small;
        Self {
            small: Arc::new(Semaphore::new(small)),
            large: Arc::new(Semaphore::new(large)),
            small_permits: small,
            large_permits: u32::try_from(large).unwrap_or(u32::MAX),
        }
    }

    /// Charges a message of `bytes`. Waits in order of arrival, at most [`MAX_WAIT`]; `None` when there is no room by then.
    pub(crate) async fn charge(&self, bytes: usize) -> Option<ByteCharge> {
        if let Some(charge) = self.try_charge(bytes) {
            return Some(charge);
        }
        let (semaphore, permits) = self.share(bytes);
        let acquired = tokio::time::timeout(MAX_WAIT, Arc::clone(semaphore).acquire_many_owned(permits)).await;
        acquired.ok()?.ok().map(ByteCharge)
    }

    /// Charges a message of `bytes` if there is room now and no other message waits.
    pub(crate) fn try_charge(&self, bytes: usize) -> Option<ByteCharge> {
        let (semaphore, permits) = self.share(bytes);
        Arc::clone(semaphore).try_acquire_many_owned(permits).ok().map(ByteCharge)
    }

    /// The bytes that are charged now, rounded up.
    pub(crate) fn bytes_in_flight(&self) -> usize {
        let free = self.small.available_permits() + self.large.available_permits();
        (self.small_permits + self.large_permits as usize).saturating_sub(free) * BYTES_PER_PERMIT
    }

    fn share(&self, bytes: usize) -> (&Arc<Semaphore>, u32) {
        let permits = u32::try_from(bytes.div_ceil(BYTES_PER_PERMIT)).unwrap_or(u32::MAX);
        if bytes <= SMALL_MESSAGE_BYTES {
            (&self.small, permits)
        } else {
            (&self.large, permits.min(self.large_permits))
        }
    }
}

impl ByteCharge {
    /// The charged bytes, rounded up.
    pub(crate) fn bytes(&self) -> usize {
        self.0.num_permits() * BYTES_PER_PERMIT
    }

    /// Keeps `bytes` of the charge and returns the rest.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let excess = self.0.num_permits().saturating_sub(bytes.div_ceil(BYTES_PER_PERMIT));
        drop(self.0.split(excess));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[tokio::test(start_paused = true)]
    async fn a_message_without_room_fails_after_the_maximum_wait() {
        let budget = ByteBudget::new(8 * MIB as u64);
        let first = budget.charge(7 * MIB).await;
        assert!(first.is_some());
        let started = tokio::time::Instant::now();
        assert!(budget.charge(MIB).await.is_none());
        assert_eq!(started.elapsed(), MAX_WAIT);
        drop(first);
        assert!(budget.charge(MIB).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_message_gets_the_room_that_another_returns() {
        let budget = ByteBudget::new(8 * MIB as u64);
        let first = budget.charge(7 * MIB).await.unwrap();
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.charge(2 * MIB).await.is_some() }
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(first);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn small_messages_have_room_while_large_ones_take_everything() {
        let budget = ByteBudget::new(8 * MIB as u64);
        let _large = budget.charge(7 * MIB).await.unwrap();
        assert!(budget.try_charge(MIB).is_none());
        assert!(budget.try_charge(SMALL_MESSAGE_BYTES).is_some());
    }

    #[tokio::test]
    async fn a_message_larger_than_the_budget_takes_all_of_it() {
        let budget = ByteBudget::new(MIB as u64);
        let mut charge = budget.charge(32 * MIB).await.unwrap();
        assert!(budget.try_charge(SMALL_MESSAGE_BYTES + 1).is_none());
        charge.shrink_to(100 * 1024);
        assert!(budget.try_charge(SMALL_MESSAGE_BYTES + 1).is_some());
    }
}
