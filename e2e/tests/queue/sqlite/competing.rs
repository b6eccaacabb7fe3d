//! The opposite of what each adapter shows: who looks first and takes then has company.

use ebbtide_sqlx::SqliteQueue;
use futures_util::future::{join, join_all};
use tokio::sync::Barrier;

use super::place::File;
use crate::table::{Place as _, times};

#[tokio::test]
async fn who_looks_and_then_takes_runs_jobs_twice() {
    let file = File::new().await;
    let queue = file.queue().await;
    join_all((0..20).map(|number| queue.push(number.to_string()))).await;
    let looked = Barrier::new(2);
    let (first, second) = join(looks_and_takes(&queue, &looked), looks_and_takes(&queue, &looked)).await;
    let ran = times(vec![first, second]);
    assert_eq!((ran.len(), ran.values().max()), (7, Some(&2)));
}

async fn looks_and_takes(queue: &SqliteQueue, looked: &Barrier) -> Vec<String> {
    let free = "SELECT CAST(id AS TEXT) FROM ebbtide_jobs WHERE NOT leased LIMIT 7";
    let ids: Vec<String> = sqlx::query_scalar(free).fetch_all(queue.pool()).await.unwrap();
    looked.wait().await;
    for id in &ids {
        let take = sqlx::query("UPDATE ebbtide_jobs SET leased = 1 WHERE id = CAST(?1 AS INTEGER)").bind(id);
        take.execute(queue.pool()).await.unwrap();
    }
    ids
}
