//! What each public type and future of the drain can be: sent, shared, moved after it was polled.

use std::future::Ready;
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};

use ebbtide_core::drain::{
    Arrivals, Cancelled, Closed, Drained, Entry, Gate, Guard, Idle, Registry, Stop, StopSource, Stopping,
    Tracker, Unless,
};

/// Says of a type whether it has a trait: the inherent constant hides the trait's where the bound holds.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Of<T: ?Sized>(std::marker::PhantomData<T>);
        impl<T: ?Sized + $($bound)+> Of<T> {
            const HAS: bool = true;
        }
        // The unit type has every trait here; both constants are read for it, whatever the table asks.
        assert!(<Of<()>>::HAS && !<Of<()> as Otherwise>::HAS);
        <Of<$type>>::HAS
    }};
}

macro_rules! table {
    ($($type:ty: $send:literal $sync:literal $unpin:literal $unwind:literal $clone:literal)+) => {
        $(
            assert_eq!(has!($type: Send), $send == "Send", "{}: Send", stringify!($type));
            assert_eq!(has!($type: Sync), $sync == "Sync", "{}: Sync", stringify!($type));
            assert_eq!(has!($type: Unpin), $unpin == "Unpin", "{}: Unpin", stringify!($type));
            let unwind = has!($type: UnwindSafe) && has!($type: RefUnwindSafe);
            assert_eq!(unwind, $unwind == "UnwindSafe", "{}: UnwindSafe", stringify!($type));
            assert_eq!(has!($type: Clone), $clone == "Clone", "{}: Clone", stringify!($type));
        )+
    };
}

#[test]
fn each_type_can_do_what_the_table_says_and_no_more() {
    table! {
        StopSource:                           "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Stop:                                 "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
        Stopping<'static>:                    "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Cancelled<'static>:                     "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Unless<'static, Ready<()>>:           "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Unless<'static, PhantomPinned>:       "Send" "Sync" "-"     "UnwindSafe" "-"
        Unless<'static, std::rc::Rc<()>>:     "-"    "-"    "Unpin" "UnwindSafe" "-"
        Tracker:                              "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
        Guard:                                "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Idle<'static>:                        "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Gate:                                 "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
        Drained<'static>:                     "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Closed:                               "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
        Registry:                             "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
        Entry:                                "Send" "Sync" "Unpin" "UnwindSafe" "-"
        Arrivals:                             "Send" "Sync" "Unpin" "UnwindSafe" "Clone"
    }
}

#[test]
fn what_each_request_carries_is_small() {
    assert_eq!(size_of::<Guard>(), size_of::<usize>());
    assert_eq!(size_of::<Stop>(), size_of::<usize>());
    assert!(size_of::<Entry>() <= 2 * size_of::<usize>());
    assert!(size_of::<Stopping<'static>>() <= 5 * size_of::<usize>());
    assert!(size_of::<Idle<'static>>() <= 6 * size_of::<usize>());
}
