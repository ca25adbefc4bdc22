//! One step of the dual simplex: the row of what is broken, the ways to mend it, and the change of the basis.

use super::{ABOUT, BROKEN, Broken, Column, Dual, EPSILON, PIVOT, State, Terms};

impl Dual {
    /// One step; false when nothing can mend it.
    pub(super) fn mend(&mut self, broken: Broken, terms: &dyn Fn(usize) -> Option<Terms>) -> bool {
        if let Broken::Equation(equation) = broken {
            self.sink(equation);
        }
        let mut row = self.spare.pop().unwrap_or_default();
        self.row(broken, &mut row);
        // A change of the row's own value that mends it: up or down.
        let (mut lack, up) = match broken {
            Broken::Equation(equation) => (self.missing[equation].abs(), self.missing[equation] > 0.0),
            Broken::Basic(position) => {
                let value = self.value[position];
                (-self.slack(position, value), value > 0.0)
            }
            Broken::Number(position, value) => {
                let over = self.value[position] - value;
                (over.abs(), over > 0.0)
            }
        };
        // Raising a column lowers a basic one by its entry, and fills an equation by it.
        let sign = if up { 1.0 } else { -1.0 };
        let mut ways = std::mem::take(&mut self.ways);
        self.list(&row, broken, sign, terms, &mut ways);
        let mut flips = Vec::new();
        let chosen = loop {
            let Some(next) = cheapest(&ways) else {
                let own = if let Broken::Equation(equation) = broken { Some((equation, 1.0)) } else { None };
                let others = self.rows.iter().copied().zip(row.iter().copied());
                self.against.extend(others.filter(|&(_, weight)| weight.abs() > EPSILON).chain(own));
                self.spare.push(row);
                self.ways = ways;
                return false;
            };
            let Way { rate, span, .. } = ways[next];
            if !span.is_finite() || lack - rate * span <= BROKEN {
                break self.closing(&ways, next, lack);
            }
            lack -= rate * span;
            flips.push(ways.swap_remove(next).column);
        };
        for column in flips {
            self.flip(column);
        }
        let Way { column, own, .. } = ways[chosen];
        self.ways = ways;
        self.enter(broken, row, column, own);
        true
    }

    /// Takes the unknown that makes up for the others of an equation down to its bound, from where it may only rise.
    fn sink(&mut self, equation: usize) {
        let Some((unknown, _)) = self.slack_of(equation) else { return };
        let base = self.room_of[equation];
        let terms = Some(Terms { up: 0.0, down: 0.0, room: 0.0 });
        self.states[unknown] = State { stamp: self.stamp, terms, base, ..State::default() };
        self.seen.push(unknown);
        self.shift(unknown, -base);
    }

    /// Of the ways that cost about as much as one, that which mends most in other equations.
    fn closing(&self, ways: &[Way], next: usize, lack: f64) -> usize {
        let most = ways[next].ratio + ABOUT;
        let mut best = (next, f64::NEG_INFINITY);
        for (at, way) in ways.iter().enumerate() {
            if way.ratio > most || way.span * way.rate < lack - BROKEN || way.rate < 1e-3 {
                continue;
            }
            let by = lack / way.rate;
            let by = if way.column.down == self.states[way.column.unknown].sunk { by } else { -by };
            let mut mended = 0.0;
            for &(equation, own) in self.unknowns.of(way.column.unknown) {
                let equation = equation as usize;
                if self.at[equation] == 0 {
                    let after = self.lacking_with(equation, self.missing[equation] - own * by);
                    mended += self.lacking(equation).abs() - after.abs();
                }
            }
            if mended > best.1 + 1e-6 {
                best = (at, mended);
            }
        }
        best.0
    }

    /// The row of the inverse that belongs to what is broken: by equations of the basis.
    fn row(&mut self, broken: Broken, row: &mut Vec<f64>) {
        row.clear();
        match broken {
            Broken::Basic(position) | Broken::Number(position, _) => row.extend_from_slice(&self.inverse[position]),
            Broken::Equation(equation) => {
                row.resize(self.rows.len(), 0.0);
                for &(unknown, own) in self.equations.of(equation) {
                    let state = &self.states[unknown as usize];
                    if state.stamp != self.stamp {
                        continue;
                    }
                    for (position, own) in [(state.basic_up, own), (state.basic_down, -own)] {
                        if let Some(position) = (position as usize).checked_sub(1) {
                            for (entry, other) in row.iter_mut().zip(&self.inverse[position]) {
                                *entry -= own * other;
                            }
                            self.work += row.len();
                        }
                    }
                }
            }
        }
    }

    /// The columns that can mend it.
    fn list(
        &mut self,
        row: &[f64],
        broken: Broken,
        sign: f64,
        terms: &dyn Fn(usize) -> Option<Terms>,
        ways: &mut Vec<Way>,
    ) {
        self.entries.clear();
        let own = if let Broken::Equation(equation) = broken { Some((equation, 1.0)) } else { None };
        let rows = self.rows.iter().copied().zip(row.iter().copied());
        for (equation, weight) in rows.filter(|&(_, weight)| weight.abs() > EPSILON).chain(own) {
            for &(unknown, coefficient) in self.equations.of(equation) {
                let unknown = unknown as usize;
                if !std::mem::replace(&mut self.has_entry[unknown], true) {
                    self.entries.push(unknown);
                    self.entry[unknown] = 0.0;
                }
                self.entry[unknown] += weight * coefficient;
            }
            self.work += self.equations.of(equation).len();
        }
        ways.clear();
        for at in 0..self.entries.len() {
            let unknown = self.entries[at];
            self.has_entry[unknown] = false;
            let entry = self.entry[unknown];
            if entry.abs() < PIVOT {
                continue;
            }
            if self.states[unknown].stamp != self.stamp {
                let (terms, price) = (terms(unknown), self.price(unknown));
                self.states[unknown] = State { stamp: self.stamp, terms, price, ..State::default() };
                self.seen.push(unknown);
            }
            let state = self.states[unknown];
            let Some(terms) = state.terms else { continue };
            let price = state.price;
            // What a step up and a step down cost beyond the prices of the equations.
            let mend = entry * sign;
            if state.basic_up == 0 && mend > 0.0 {
                let column = Column { unknown, down: false };
                let ratio = (terms.up - price).max(0.0) / mend;
                ways.push(Way { column, ratio, rate: mend, span: f64::INFINITY, own: entry });
            }
            if state.basic_down == 0 && terms.room > 0.0 {
                let column = Column { unknown, down: true };
                let left = terms.down + price;
                if !state.sunk && mend < 0.0 {
                    ways.push(Way { column, ratio: left.max(0.0) / -mend, rate: -mend, span: terms.room, own: -entry });
                } else if state.sunk && mend > 0.0 {
                    ways.push(Way {
                        column,
                        ratio: (-left).max(0.0) / mend,
                        rate: mend,
                        span: terms.room,
                        own: -entry,
                    });
                }
            }
        }
    }

    /// Takes a column that isn't basic from one bound to the other.
    fn flip(&mut self, column: Column) {
        let state = &mut self.states[column.unknown];
        let Some(terms) = state.terms else { return };
        let by = if state.sunk { -terms.room } else { terms.room };
        state.sunk = !state.sunk;
        let mut turned = vec![0.0; self.basic.len()];
        self.turned(column, &mut turned);
        self.advance(&turned, by);
        self.shift(column.unknown, -by);
    }

    /// The basic columns' share in a column: how far each falls when it rises by 1.
    fn turned(&mut self, column: Column, turned: &mut [f64]) {
        let sign = if column.down { -1.0 } else { 1.0 };
        for &(equation, own) in self.unknowns.of(column.unknown) {
            if let Some(at) = (self.at[equation as usize] as usize).checked_sub(1) {
                let own = own * sign;
                for (entry, other) in turned.iter_mut().zip(&self.columns[at]) {
                    *entry += own * other;
                }
                self.work += turned.len();
            }
        }
    }

    /// Moves the basic columns as a column that isn't rises.
    fn advance(&mut self, turned: &[f64], by: f64) {
        for (position, &share) in turned.iter().enumerate() {
            if share.abs() > EPSILON {
                self.value[position] -= share * by;
                let column = self.basic[position];
                self.shift(column.unknown, if column.down { share * by } else { -share * by });
            }
        }
    }

    /// Takes a column into the basis for what is broken.
    fn enter(&mut self, broken: Broken, mut row: Vec<f64>, column: Column, own: f64) {
        let mut turned = vec![0.0; self.basic.len()];
        self.turned(column, &mut turned);
        let Some(terms) = self.states[column.unknown].terms else { return };
        let start = if column.down && self.states[column.unknown].sunk { terms.room } else { 0.0 };
        let step = match broken {
            Broken::Equation(equation) => self.missing[equation] / own,
            Broken::Basic(position) => {
                let value = self.value[position];
                let bound = if value < 0.0 { 0.0 } else { self.room(position) };
                (value - bound) / own
            }
            Broken::Number(position, value) => (self.value[position] - value) / own,
        };
        self.advance(&turned, step);
        self.shift(column.unknown, if column.down { -step } else { step });
        // Prices: the new column must pay for itself.
        let price = self.reduced(column, terms) / own;
        for (dual, entry) in self.dual.iter_mut().zip(&row) {
            *dual += price * entry;
        }
        if column.down {
            self.states[column.unknown].sunk = false;
        }
        self.reprice(price);
        let place = match broken {
            Broken::Equation(equation) => {
                self.rows.push(equation);
                self.at[equation] = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
                self.dual.push(price);
                row.push(1.0);
                for other in &mut self.inverse {
                    other.push(0.0);
                }
                let mut empty = self.spare.pop().unwrap_or_default();
                empty.clear();
                empty.resize(self.basic.len(), 0.0);
                self.columns.push(empty);
                None
            }
            Broken::Basic(position) | Broken::Number(position, _) => {
                let out = self.basic[position];
                let state = &mut self.states[out.unknown];
                if out.down {
                    state.sunk = self.value[position] > BROKEN;
                    state.basic_down = 0;
                } else {
                    state.basic_up = 0;
                }
                Some(position)
            }
        };
        let number = u32::try_from(place.unwrap_or(self.basic.len()) + 1).unwrap_or(u32::MAX);
        let state = &mut self.states[column.unknown];
        if column.down {
            state.basic_down = number
        } else {
            state.basic_up = number
        }
        for entry in &mut row {
            *entry /= own;
            if entry.abs() < 1e-12 {
                *entry = 0.0;
            }
        }
        let filled: Vec<usize> = (0..row.len()).filter(|&at| row[at] != 0.0).collect();
        let length: f64 = filled.iter().map(|&at| row[at] * row[at]).sum();
        let shares: Vec<(usize, f64)> = (turned.iter().copied().enumerate())
            .filter(|&(position, share)| share.abs() > EPSILON && Some(position) != place)
            .collect();
        for &(position, share) in &shares {
            let other = &mut self.inverse[position];
            let mut both = 0.0;
            for &at in &filled {
                both += other[at] * row[at];
                other[at] -= share * row[at];
            }
            let after = self.length[position] + share * (share * length - 2.0 * both);
            self.length[position] = after.max(1e-4);
        }
        for &at in &filled {
            let (column, own) = (&mut self.columns[at], row[at]);
            for &(position, share) in &shares {
                column[position] -= share * own;
            }
        }
        self.work += filled.len() * shares.len();
        for (column, &own) in self.columns.iter_mut().zip(&row) {
            match place {
                None => column.push(own),
                Some(position) => column[position] = own,
            }
        }
        let value = start + step;
        match place {
            None => {
                self.inverse.push(row);
                self.basic.push(column);
                self.value.push(value);
                self.length.push(length);
            }
            Some(position) => {
                let old = std::mem::replace(&mut self.inverse[position], row);
                self.spare.push(old);
                self.basic[position] = column;
                self.value[position] = value;
                self.length[position] = length;
            }
        }
    }

    fn room(&self, position: usize) -> f64 {
        let column = self.basic[position];
        self.states[column.unknown].terms.map_or(f64::INFINITY, |terms| terms.room)
    }

    /// Takes a change of the prices of the equations over to the unknowns in the row at hand. One that would pay for
    /// itself now, since a way about as cheap was taken, becomes that much dearer: so prices never turn round.
    fn reprice(&mut self, by: f64) {
        for &unknown in &self.entries {
            let state = &mut self.states[unknown];
            if state.stamp != self.stamp {
                continue;
            }
            state.price += by * self.entry[unknown];
            let (price, sunk) = (state.price, state.sunk);
            if let Some(terms) = &mut state.terms {
                terms.up = terms.up.max(price);
                terms.down = if sunk { terms.down.min(-price) } else { terms.down.max(-price) };
            }
        }
    }

    /// What a unit of an unknown is worth at the prices of its equations.
    fn price(&self, unknown: usize) -> f64 {
        let own = self.unknowns.of(unknown).iter();
        own.map(|&(equation, own)| match self.at[equation as usize] {
            0 => 0.0,
            at => self.dual[at as usize - 1] * own,
        })
        .sum()
    }

    /// What a unit of a column costs beyond the prices of its equations.
    fn reduced(&self, column: Column, terms: Terms) -> f64 {
        let price = self.states[column.unknown].price;
        if column.down { terms.down + price } else { terms.up - price }
    }
}

/// A column that can mend what is broken.
pub(super) struct Way {
    column: Column,
    /// What it costs by unit of what is mended.
    ratio: f64,
    /// How much a unit of it mends.
    rate: f64,
    /// How far it can go.
    span: f64,
    /// Its entry in the row.
    own: f64,
}

/// The cheapest way; of those that cost the same the one that mends most, so that numbers stay exact.
fn cheapest(ways: &[Way]) -> Option<usize> {
    let mut least = ways.first()?.ratio;
    let mut found = 0;
    for (at, way) in ways.iter().enumerate().skip(1) {
        if way.ratio < least - EPSILON || (way.ratio <= least + EPSILON && way.rate > ways[found].rate + 1e-3) {
            found = at;
            least = least.min(way.ratio);
        }
    }
    Some(found)
}
