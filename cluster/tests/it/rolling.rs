//! Scaling and rolling while clients go on asking.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hubbub_cluster::Cluster;

use crate::cluster_of;
use crate::http::ask;

fn names(cluster: &Cluster) -> Vec<&str> {
    cluster
        .instances()
        .map(hubbub_cluster::Instance::name)
        .collect()
}

fn pids(cluster: &Cluster) -> BTreeSet<u32> {
    cluster
        .instances()
        .map(|instance| instance.process().pid())
        .collect()
}

/// Does something to the cluster while four clients, two with a cookie, ask without a pause; they must see no failure.
fn under_load(cluster: &mut Cluster, change: impl FnOnce(&mut Cluster)) {
    let address = cluster.haproxy().address();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for client in 0..4 {
            let over = &over;
            scope.spawn(move || {
                let mut cookie = String::new();
                while !over.load(Ordering::Relaxed) {
                    let path = if client == 3 {
                        "/api/v1/session"
                    } else {
                        "/api/v1/poll"
                    };
                    let answer = ask(address, "POST", path, &cookie, "{}");
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    if let (0 | 1, Some(value)) = (client, answer.cookie()) {
                        cookie = format!("Cookie: SRV={value}\r\n");
                    }
                }
            });
        }
        change(cluster);
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_roll_replaces_every_instance_and_nobody_sees_an_error() {
    let mut cluster = cluster_of(3);
    let before = pids(&cluster);
    under_load(&mut cluster, |cluster| cluster.roll(None).unwrap());
    assert_eq!(names(&cluster), ["app-1", "app-2", "app-3"]);
    assert!(pids(&cluster).is_disjoint(&before));
}

#[test]
fn rolling_the_only_instance_brings_its_successor_first() {
    let mut cluster = cluster_of(1);
    under_load(&mut cluster, |cluster| cluster.roll(None).unwrap());
    assert_eq!(names(&cluster), ["app-2"]);
}

#[test]
fn scaling_up_and_down_is_not_noticed() {
    let mut cluster = cluster_of(1);
    under_load(&mut cluster, |cluster| {
        cluster.scale(4).unwrap();
        assert_eq!(names(cluster), ["app-1", "app-2", "app-3", "app-4"]);
        cluster.scale(2).unwrap();
    });
    assert_eq!(names(&cluster), ["app-1", "app-2"]);
    assert_eq!(cluster.description().instances.len(), 2);
}

#[test]
fn scaling_fills_the_place_of_a_killed_instance() {
    let mut cluster = cluster_of(3);
    cluster.instance("app-2").unwrap().process().kill();
    assert_eq!(names(&cluster), ["app-1", "app-3"]);
    cluster.scale(3).unwrap();
    assert_eq!(names(&cluster), ["app-1", "app-2", "app-3"]);
}

#[test]
fn more_instances_than_there_are_slots_are_refused() {
    let mut cluster = cluster_of(1);
    assert!(
        cluster
            .scale(17)
            .unwrap_err()
            .to_string()
            .contains("1 to 16")
    );
    assert!(cluster.scale(0).is_err());
}

#[test]
fn a_new_program_that_does_not_start_leaves_the_others_running() {
    let mut cluster = cluster_of(3);
    let error = cluster
        .roll(Some("/bin/false".as_ref()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("app-1 ended"), "{error}");
    assert_eq!(names(&cluster), ["app-2", "app-3"]);
    cluster.wait_until_up().unwrap();
}

#[test]
fn haproxy_and_redis_come_back_at_the_same_address() {
    let mut cluster = cluster_of(1);
    let before = cluster.description();
    cluster.haproxy().reload().unwrap();
    cluster.wait_until_up().unwrap();
    cluster.haproxy().restart().unwrap();
    cluster.redis().restart().unwrap();
    cluster.wait_until_up().unwrap();
    let after = cluster.description();
    assert_eq!(
        (&after.url, &after.redis.url),
        (&before.url, &before.redis.url)
    );
    assert_ne!(after.haproxy.pid, before.haproxy.pid);
    assert_ne!(after.redis.pid, before.redis.pid);
}
