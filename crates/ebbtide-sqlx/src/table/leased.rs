use ebbtide::queue::Delivery;

use crate::table::JobLease;

/// A row that was leased: id, number of the delivery, attempts, payload.
pub(crate) type Leased = (i64, i64, i64, Vec<u8>);

/// Makes deliveries of what was leased, the oldest first: databases return changed rows in no order.
pub(crate) fn deliveries(mut rows: Vec<Leased>) -> Vec<Delivery<JobLease>> {
    rows.sort_unstable_by_key(|row| row.0);
    rows.into_iter().map(delivery).collect()
}

fn delivery((id, number, attempts, payload): Leased) -> Delivery<JobLease> {
    let attempt = u32::try_from(attempts).unwrap_or(u32::MAX);
    Delivery { receipt: JobLease { id, delivery: number }, id: id.to_string(), payload, attempt }
}
