//! The outbox with a socket that takes as much as the test lets it.

use super::*;

/// A frame that has so many bytes on a WebSocket.
fn frame(bytes: usize) -> Text {
    let frame = Text::from("x".repeat(bytes - 2));
    assert_eq!(frame.len(), bytes);
    frame
}

#[derive(Default)]
struct Gauge {
    room: Mutex<usize>,
    out: Mutex<Vec<u8>>,
    writes: Mutex<usize>,
    is_broken: AtomicBool,
}

impl Gauge {
    fn open(room: usize) -> Arc<Self> {
        let gauge = Self::default();
        *gauge.room.lock().unwrap() = room;
        Arc::new(gauge)
    }

    fn make_room(&self, bytes: usize) {
        *self.room.lock().unwrap() += bytes;
    }

    fn out(&self) -> usize {
        self.out.lock().unwrap().len()
    }
}

impl Pipe for Gauge {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> Result<usize> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut room = self.room.lock().unwrap();
        if *room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        *self.writes.lock().unwrap() += 1;
        let before = *room;
        for frame in frames {
            let taken = frame.len().min(*room);
            self.out.lock().unwrap().extend_from_slice(&frame[..taken]);
            *room -= taken;
        }
        Ok(before - *room)
    }
}

fn through(gauge: &Arc<Gauge>, limit: usize) -> Outbox {
    let outbox = Outbox::new(limit);
    outbox.attach(Arc::clone(gauge) as _);
    outbox
}

#[test]
fn a_full_outbox_refuses_room_frames_and_takes_replies() {
    let outbox = Outbox::new(100);
    assert!(outbox.offer(&frame(60)));
    assert!(!outbox.offer(&frame(60)));
    outbox.push(frame(60));
    assert_eq!(outbox.take().frames.len(), 2);
    assert!(outbox.offer(&frame(60)));
}

#[test]
fn one_frame_larger_than_the_limit_still_gets_through() {
    let outbox = Outbox::new(10);
    assert!(outbox.offer(&frame(60)));
    assert!(!outbox.offer(&frame(3)));
}

#[test]
fn after_the_end_nothing_more_is_queued_and_the_first_reason_stays() {
    let outbox = Outbox::new(100);
    outbox.close(CloseReason::SessionOver);
    outbox.close(CloseReason::Heartbeat);
    outbox.push(frame(3));
    let batch = outbox.take();
    assert!(batch.frames.is_empty());
    assert_eq!(batch.close, Some(CloseReason::SessionOver));
}

#[test]
fn what_the_socket_takes_never_waits() {
    let gauge = Gauge::open(1_000);
    let outbox = through(&gauge, 100);
    for _ in 0..5 {
        assert!(outbox.offer(&frame(60)));
    }
    assert_eq!(gauge.out(), 300);
    assert!(!outbox.is_blocked());
    assert!(outbox.has_moved() && !outbox.has_moved());
}

#[test]
fn several_frames_go_out_in_one_write() {
    let gauge = Gauge::open(1_000);
    let outbox = through(&gauge, 100);
    assert_eq!(outbox.offer_all(&[frame(60), frame(70), frame(80)]), 3);
    assert_eq!(gauge.out(), 210);
    assert_eq!(*gauge.writes.lock().unwrap(), 1);
}

#[test]
fn the_rest_of_a_frame_goes_out_before_anything_else() {
    let gauge = Gauge::open(100);
    let outbox = through(&gauge, 200);
    let frames = [frame(60), frame(70), frame(80), frame(90)];
    assert_eq!(
        outbox.offer_all(&frames),
        3,
        "the last one does not fit any more"
    );
    assert_eq!(gauge.out(), 100);
    let blocked = outbox.flush();
    assert!(blocked.is_blocked && !blocked.behind);
    gauge.make_room(1_000);
    let flushed = outbox.flush();
    assert!(!flushed.is_blocked && flushed.behind);
    let expected: Vec<u8> = frames[..3]
        .iter()
        .flat_map(|f| f.framed().to_vec())
        .collect();
    assert_eq!(*gauge.out.lock().unwrap(), expected);
}

#[test]
fn a_reply_waits_behind_what_waits() {
    let gauge = Gauge::open(10);
    let outbox = through(&gauge, 1_000);
    outbox.offer(&frame(60));
    let reply = Text::from("reply".to_owned());
    outbox.push(reply.clone());
    gauge.make_room(1_000);
    outbox.flush();
    assert!(gauge.out.lock().unwrap().ends_with(reply.framed()));
    assert_eq!(gauge.out(), 60 + reply.len());
}

#[test]
fn a_broken_socket_takes_nothing_and_is_told() {
    let gauge = Gauge::open(100);
    let outbox = through(&gauge, 100);
    gauge.is_broken.store(true, Ordering::Relaxed);
    outbox.offer(&frame(60));
    assert!(outbox.flush().is_gone);
    for _ in 0..10 {
        assert!(
            outbox.offer(&frame(60)),
            "nobody falls behind who is not there"
        );
    }
}
