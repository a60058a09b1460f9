//! What cannot be read, and may not be lost without a word.

use super::*;

#[test]
fn a_second_factor_that_redis_cannot_show_is_saved_in_no_backup_that_lacks_it() {
    let redis = RedisServer::start();
    let (gateway, file) = gateway(&redis.settings());
    gateway.register("ada");
    for kind in ["totp", "network"] {
        let key = format!("authgate:items:{{{kind}}}");
        redis.ask::<u64>(&["HSET", &key, "k", "junk"]);
        let said = back_up(&gateway, &file);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains(&format!("of kind {kind} ")), "{said:?}");
        assert!(!file.exists());
        redis.ask::<u64>(&["HDEL", &key, "k"]);
    }
    back_up(&gateway, &file).done();
}

#[test]
fn a_second_factor_that_a_backup_cannot_show_stops_a_restore_before_anything_is_done() {
    let redis = RedisServer::start();
    let (gateway, file) = gateway(&redis.settings());
    let token = gateway.register("ada");
    back_up(&gateway, &file).done();
    tamper(&file, "INSERT INTO items VALUES ('totp', 'k', 1, CAST(x'ff' AS TEXT), NULL)");
    let said = restore(&gateway, &file, &["--replace", "--yes"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("of kind totp "), "{said:?}");
    assert_eq!(gateway.status_of(&token), 502);
    assert_eq!(redis.ask::<u64>(&["EXISTS", "authgate:restoring"]), 0);
}
