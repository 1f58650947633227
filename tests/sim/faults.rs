//! What goes wrong, how an instance recovers, and how the world comes to rest.

use hubbub::protocol::position::Position;

use crate::{
    instance::Flaw,
    world::{Ask, Event, Weather, World, note},
};

impl World {
    /// One whole life: chaos, healing, calm; and then the verdict.
    pub(crate) fn live(&mut self, steps: u64) -> Result<(), String> {
        self.weather = Weather {
            drop: self.rng.pick(&[0, 5, 20]),
            repeat: self.rng.pick(&[0, 10]),
            late: self.rng.pick(&[0, 20, 80]),
            fail: self.rng.pick(&[0, 3, 15]),
        };
        for c in 0..self.clients.len() {
            let begin = self.rng.below(100);
            self.after(begin, Event::Client(c));
        }
        for i in 0..self.instances.len() {
            self.after(200, Event::Tick(i));
        }
        for step in 0..steps {
            let moment = step * 50 + self.rng.below(50);
            self.after(moment, Event::Fault);
        }
        self.run(steps * 50)?;
        self.heal()?;
        self.judge()
    }

    pub(crate) fn fault(&mut self) {
        let i = usize::try_from(self.rng.below(self.instances.len() as u64)).unwrap();
        match self.rng.below(100) {
            0..=9 => self.cut_link(i),
            10..=14 => self.crash(i),
            15..=18 => {
                let entries = usize::try_from(self.rng.between(0, 6)).unwrap();
                note!(self, "the log loses its last {entries} entries");
                self.log.lose_tail(entries);
            }
            19 if self.rng.chance(30) => {
                note!(self, "the log loses everything");
                self.log.wipe();
            }
            20..=24 => {
                // Somebody's instance looks after a room nobody follows.
                let instance = &mut self.instances[i];
                if instance.conns.is_empty() && instance.sequencer.settled_head().is_some() {
                    note!(self, "instance {i} lets the room go");
                    let life = instance.life;
                    instance.crash();
                    instance.life = life;
                    instance.is_up = true;
                }
            }
            _ => {}
        }
    }

    pub(crate) fn cut_link(&mut self, i: usize) {
        let instance = &mut self.instances[i];
        if instance.is_linked && instance.is_up {
            instance.is_linked = false;
            instance.link += 1;
            let link = instance.link;
            note!(self, "instance {i} loses its link");
            let away = self.rng.between(5, 400);
            self.after(away, Event::Link(i, link));
        }
    }

    pub(crate) fn link_returns(&mut self, i: usize, link: u64) {
        let instance = &mut self.instances[i];
        if instance.link != link || instance.is_linked {
            return;
        }
        instance.is_linked = true;
        instance.must_compare = instance.flaw != Some(Flaw::NoCatchUp);
        note!(self, "instance {i} has its link back");
        self.catch_up(i);
    }

    fn crash(&mut self, i: usize) {
        if !self.instances[i].is_up {
            return;
        }
        note!(self, "instance {i} dies");
        let conns: Vec<(u64, usize)> = self.instances[i]
            .conns
            .iter()
            .map(|(id, conn)| (*id, conn.client))
            .collect();
        for (conn, client) in conns {
            let notices = self.rng.between(1, 60);
            self.after(notices, Event::Cut(conn, client));
        }
        self.instances[i].crash();
        let away = self.rng.between(20, 300);
        self.after(away, Event::Start(i));
    }

    /// Compares with the log once the room is level with itself.
    fn catch_up(&mut self, i: usize) {
        if !self.instances[i].must_compare {
            return;
        }
        if let Some(head) = self.instances[i].sequencer.settled_head() {
            self.ask(i, Ask::Head(head));
        } else if self.instances[i].sequencer.is_repairing() || self.instances[i].is_opening {
            self.after(50, Event::Tick(i));
        } else {
            self.instances[i].must_compare = false;
        }
    }

    /// The slow round over all rooms, and a catch-up that could not be done.
    pub(crate) fn tick(&mut self, i: usize) {
        if self.instances[i].must_compare {
            self.catch_up(i);
        } else if let Some(head) = self.instances[i].sequencer.settled_head()
            && !self.calm
        {
            self.ask(i, Ask::Head(head));
        }
        if !self.calm {
            self.after(500, Event::Tick(i));
        }
    }

    pub(crate) fn compare(&mut self, i: usize, before: Position, head: Option<Position>) {
        let instance = &mut self.instances[i];
        match head {
            None if instance.must_compare => {
                self.after(50, Event::Tick(i));
            }
            None => {}
            Some(head) => {
                instance.must_compare = false;
                if head != before && instance.sequencer.settled_head() == Some(before) {
                    let outcome = instance.sequencer.on_head(head);
                    self.carry_out(i, &outcome);
                }
            }
        }
    }

    /// Everything works again. What silently went missing is found by one last
    /// round over the rooms; what went missing with a link, by its return; and
    /// from then on every instance has to keep up by itself.
    fn heal(&mut self) -> Result<(), String> {
        note!(self, "everything heals");
        self.weather = Weather {
            late: self.weather.late,
            repeat: self.weather.repeat,
            ..Weather::default()
        };
        self.run(self.now + 600)?;
        self.calm = true;
        self.run(self.now + 1_500)?;
        for round in 0..self.rng.between(1, 4) {
            note!(self, "calm round {round}");
            let i = usize::try_from(self.rng.below(self.instances.len() as u64)).unwrap();
            if self.rng.chance(50) {
                self.cut_link(i);
            }
            for c in 0..self.clients.len() {
                for _ in 0..self.rng.below(3) {
                    self.say(c);
                }
                let moment = self.rng.below(100);
                self.after(moment, Event::Client(c));
            }
            let pause = self.rng.between(20, 300);
            self.run(self.now + pause)?;
        }
        self.run(self.now + 20_000)
    }
}
