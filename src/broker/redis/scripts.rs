//! The scripts that run inside Redis, each one step of its own.

use std::sync::LazyLock;

use redis::Script;

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $($file:literal)+;)+) => {
        $(
            $(#[$doc])*
            pub(super) static $name: LazyLock<Script> =
                LazyLock::new(|| Script::new(concat!($(include_str!(concat!("lua/", $file)),)+)));
        )+

        /// All of them, for a link to load when it is made.
        pub(super) fn all() -> impl Iterator<Item = &'static Script> {
            [$(&*$name,)+].into_iter()
        }
    };
}

scripts! {
    APPEND = "room.lua" "fold.lua" "append.lua";
    STATUS = "room.lua" "status.lua";
    READ = "room.lua" "read.lua";
    OPEN = "room.lua" "open.lua";
    CLOSE = "room.lua" "close.lua";
    ENTER = "roster.lua" "enter.lua";
    LEAVE = "roster.lua" "leave.lua";
    VACATE = "roster.lua" "vacate.lua";
    REAP = "roster.lua" "reap.lua";
    MEMBERS = "members.lua";
    LEASE = "lease.lua";
    RELEASE = "release.lua";
    LAPSED = "lapsed.lua";
    ENLIST = "enlist.lua";
    TAKE = "take.lua";
    SETTLE = "settle.lua";
    CLAIM = "claim.lua";
    UNCLAIM = "unclaim.lua";
    KEEP = "keep.lua";
    ADMIT = "room.lua" "admit.lua";
    FORGET = "room.lua" "forget.lua";
    TOLD = "told.lua";
    COME_IN = "come_in.lua";
    STRIKE = "strike.lua";
    MARK = "mark.lua";
}
