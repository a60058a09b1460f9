//! What was counted over time, drawn: bars that stand on each other, as SVG that the page holds, and
//! the same figures as a table.

use crate::auth::{Grouped, Span};
use crate::clock::Timestamp;
use crate::store::Series;
use maud::{Markup, html};

/// A chart.
pub(super) struct Chart<'a> {
    /// What it is called in the page.
    pub id: &'static str,
    /// From the ground up.
    pub layers: &'a [Layer],
    /// What of time a bar is, in words.
    pub per: &'static str,
    pub spans: &'a [Span],
    pub title: &'static str,
}

/// What has a colour of its own.
pub(super) struct Layer {
    /// Which colour of the sheet.
    pub class: &'static str,
    pub label: &'static str,
    pub series: &'static [Series],
}

/// The measures of the drawing, in its own units.
const WIDTH: u32 = 540;
const HEIGHT: u32 = 170;
const LEFT: u32 = 42;
const RIGHT: u32 = 6;
const TOP: u32 = 10;
const BOTTOM: u32 = 24;

impl Chart<'_> {
    /// The chart, its key, and its table.
    pub(super) fn draw(&self) -> Markup {
        html! {
            section.panel aria-labelledby=(format!("{}-head", self.id)) {
                h3.chart id=(format!("{}-head", self.id)) { (self.title) }
                (self.drawing())
                ul.key {
                    @for layer in self.layers.iter().rev() {
                        li class=(layer.class) { (layer.label) " " b { (grouped(self.sum(layer))) } }
                    }
                }
                (self.table())
            }
        }
    }

    fn drawing(&self) -> Markup {
        let top = nice(self.spans.iter().map(|span| self.height(span)).max().unwrap_or(0));
        let (title, text) = (format!("{}-title", self.id), format!("{}-text", self.id));
        html! {
            svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
                aria-labelledby=(format!("{title} {text}")) {
                title id=(title) { (self.title) }
                desc id=(text) { (self.words()) }
                (axis(top))
                @for (place, span) in (0..).zip(self.spans) { (self.bar(place, span, top)) }
                (self.moments())
            }
        }
    }

    /// What someone is told who does not see it.
    fn words(&self) -> String {
        let sums = self.layers.iter().map(|layer| {
            let sum = self.sum(layer);
            format!("{sum} {}", layer.label)
        });
        let sums = sums.collect::<Vec<_>>().join(", ");
        let most = self.spans.iter().map(|span| self.height(span)).max().unwrap_or(0);
        format!("In all {sums}. At most {most} in {}.", self.per)
    }

    fn bar(&self, place: u32, span: &Span, top: u64) -> Markup {
        let count = u32::try_from(self.spans.len()).unwrap_or(u32::MAX).max(1);
        let plot = WIDTH - LEFT - RIGHT;
        let tenths = |place: u32| LEFT * 10 + plot * 10 * place / count;
        let (from, to) = (tenths(place), tenths(place + 1));
        let gap = if count > 70 { 10 } else { 15 };
        let mut ground = u64::from(TOP + plot_height());
        let mut pieces = Vec::new();
        for layer in self.layers {
            let number = span.tallies.of_all(layer.series);
            // Whatever there is can be seen.
            let height = scaled(number, top).max(u64::from(number > 0)).min(ground);
            ground -= height;
            if height > 0 {
                pieces.push((layer.class, ground, height));
            }
        }
        html! {
            g {
                title { (self.tip(span)) }
                rect.hit x=(decimal(from)) y=(TOP) width=(decimal(to - from)) height=(plot_height()) {}
                @for (class, y, height) in pieces {
                    rect class=(class) x=(decimal(from)) y=(y) height=(height)
                        width=(decimal((to - from).saturating_sub(gap).max(10))) {}
                }
            }
        }
    }

    fn tip(&self, span: &Span) -> String {
        let numbers =
            self.layers.iter().rev().map(|layer| {
                format!("{} {}", grouped(span.tallies.of_all(layer.series)), layer.label)
            });
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        format!("{} UTC: {numbers}", hour_and_minute(span.start))
    }

    /// Five moments below the ground; on a phone every other one.
    fn moments(&self) -> Markup {
        const STEPS: usize = 4;
        let last = self.spans.len().saturating_sub(1);
        let plot = WIDTH - LEFT - RIGHT;
        let marks = (0..=STEPS).filter_map(|step| {
            let span = self.spans.get(last * step / STEPS)?;
            let step = u32::try_from(step).unwrap_or(0);
            let anchor = match step {
                0 => "start",
                4 => "end",
                _ => "middle",
            };
            Some((LEFT + plot * step / 4, anchor, step % 2 == 1, span.start))
        });
        html! {
            @for (x, anchor, is_minor, at) in marks {
                text x=(x) y=(HEIGHT - 6) text-anchor=(anchor) class=[is_minor.then_some("minor")]
                    data-at=(at) { (hour_and_minute(at)) }
            }
        }
    }

    fn table(&self) -> Markup {
        html! {
            details.numbers {
                summary { "As a table" }
                div.table {
                    table {
                        caption { (self.title) ", the newest first" }
                        thead { tr {
                            th scope="col" { "From" }
                            @for layer in self.layers { th.number scope="col" { (layer.label) } }
                        } }
                        tbody {
                            @for span in self.spans.iter().rev() {
                                tr {
                                    td { (super::page::moment(span.start)) }
                                    @for layer in self.layers {
                                        td.number { (grouped(span.tallies.of_all(layer.series))) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn sum(&self, layer: &Layer) -> u64 {
        self.spans.iter().map(|span| span.tallies.of_all(layer.series)).sum()
    }

    fn height(&self, span: &Span) -> u64 {
        self.layers.iter().map(|layer| span.tallies.of_all(layer.series)).sum()
    }
}

/// Three lines with what they stand for.
fn axis(top: u64) -> Markup {
    let lines = [(0, top), (1, top / 2), (2, 0)];
    html! {
        @for (step, number) in lines {
            @let y = TOP + plot_height() * step / 2;
            line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
            text x=(LEFT - 6) y=(y + 4) text-anchor="end" { (short(number)) }
        }
    }
}

const fn plot_height() -> u32 {
    HEIGHT - TOP - BOTTOM
}

fn scaled(number: u64, top: u64) -> u64 {
    number.saturating_mul(u64::from(plot_height())) / top.max(1)
}

/// The even number of few digits that is not below a number.
fn nice(number: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [2, 4, 6, 10, 20] {
            let top = unit.saturating_mul(step);
            if top >= number {
                return top;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// Tenths of a unit.
fn decimal(tenths: u32) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A number in few characters.
fn short(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..10_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    Grouped(number).to_string()
}

fn hour_and_minute(at: Timestamp) -> String {
    at.to_string().get(11..16).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Tallies;

    const LAYERS: [Layer; 2] = [
        Layer { class: "s1", label: "succeeded", series: &[Series::LoginsOk] },
        Layer { class: "s3", label: "failed", series: &[Series::LoginsFailed] },
    ];

    fn drawn(numbers: &[(u64, u64)]) -> String {
        let spans: Vec<_> = (0..)
            .zip(numbers)
            .map(|(minute, (ok, failed))| Span {
                start: Timestamp::from_micros(1_795_500_000_000_000 + minute * 60_000_000),
                tallies: Tallies::of_these(&[
                    (Series::LoginsOk, *ok),
                    (Series::LoginsFailed, *failed),
                ]),
            })
            .collect();
        let (id, title, per) = ("logins", "Logins", "a minute");
        Chart { id, layers: &LAYERS, per, spans: &spans, title }.draw().into_string()
    }

    #[test]
    fn the_top_is_a_number_that_reads_well() {
        let tops = [0, 1, 3, 7, 11, 30, 99, 101, 4_001].map(nice);
        assert_eq!(tops, [2, 2, 4, 10, 20, 40, 100, 200, 6_000]);
        assert!(nice(u64::MAX) == u64::MAX);
    }

    #[test]
    fn what_was_counted_stands_on_each_other() {
        let drawing = drawn(&[(0, 0), (3, 1)]);
        assert!(drawing.contains("y=\"44\" height=\"102\""), "{drawing}");
        assert!(drawing.contains("y=\"10\" height=\"34\""), "{drawing}");
        assert!(drawing.contains("In all 3 succeeded, 1 failed. At most 4 in a minute."));
    }

    #[test]
    fn whatever_there_is_can_be_seen() {
        let drawing = drawn(&[(1_000_000, 1)]);
        assert!(drawing.contains("rect class=\"s3\""), "{drawing}");
    }

    #[test]
    fn nothing_is_drawn_where_nothing_was_counted() {
        let drawing = drawn(&[(0, 0), (0, 0)]);
        assert!(!drawing.contains("rect class=\"s"), "{drawing}");
        assert!(drawn(&[]).contains("In all 0 succeeded"));
    }

    #[test]
    fn no_drawing_has_styles_of_its_own() {
        let drawing = drawn(&[(5, 2)]);
        assert!(!drawing.contains("style") && !drawing.contains("onload"));
    }

    #[test]
    fn thousands_stand_apart() {
        let written = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(written, ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([9_999, 12_345, 12_345_678].map(short), ["9999", "12k", "12M"]);
    }
}
