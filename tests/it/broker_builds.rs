//! Builds that follow each other on one Redis: what one has kept, the next reads.

use hubbub::{
    broker::{BrokerError, RoomLog},
    protocol::entry::Kind,
};
use redis::AsyncCommands as _;

use crate::support::{
    changes::say,
    chat::{ada, brisk, message, room, whole_log},
    pair::instance,
    redis::RedisServer,
};

#[tokio::test]
async fn a_send_is_repeated_safely_after_a_build_that_forms_its_digests_otherwise() {
    let server = RedisServer::start();
    let broker = instance(&server, brisk()).await;
    let den = room("den");
    let first = say(&*broker, &den, &ada(), "k1", "a").await;
    let repeat = || broker.append(&den, message("k1", "something else"));
    assert_eq!(repeat().await, Err(BrokerError::KeyReused));

    let mut redis = server.connection().await;
    let mut seen = 0;
    for name in redis.keys::<_, Vec<String>>("*").await.unwrap() {
        let kept: redis::RedisResult<String> = redis.get(&name).await;
        let Some((at, _)) = kept.as_deref().ok().and_then(|kept| kept.rsplit_once(' ')) else {
            continue;
        };
        let _: () = redis.set(&name, format!("{at} 2:beef")).await.unwrap();
        seen += 1;
    }
    assert_eq!(seen, 1, "the send key");
    let repeated = repeat().await.unwrap();
    assert_eq!((repeated.position, repeated.duplicate), (first, true));
    let said = whole_log(&*broker, &den).await;
    assert_eq!(
        said.iter()
            .filter(|entry| entry.kind == Kind::Message)
            .count(),
        1
    );
}
