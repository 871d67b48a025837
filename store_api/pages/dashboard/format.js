/** Numbers and times as people read them. */

const wholes = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const dayAndSeconds = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const fullDate = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long", hourCycle: "h23" });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** `13,247` */
export function number(value) {
  return wholes.format(value);
}

/** `+3`, or `−2` with a true minus sign. */
export function signed(value) {
  return value < 0 ? `−${wholes.format(-value)}` : `+${wholes.format(value)}`;
}

/** `1 item`, `2 items` */
export function count(value, noun) {
  return `${wholes.format(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** `13:42:10`, of a time as `Date.now()` tells it */
export function timeOfDay(at) {
  return clock.format(at);
}

/** `26 Nov, 21:42`, of a time as `Date.now()` tells it */
export function dateAndTime(at) {
  return dayAndClock.format(at);
}

/** `26 Nov, 21:42:10`, of a time as `Date.now()` tells it */
export function momentText(at) {
  return dayAndSeconds.format(at);
}

/** `Thursday, 26 November 2026 at 21:42:10 CET`, of a time as `Date.now()` tells it */
export function fullMoment(at) {
  return fullDate.format(at);
}

/** `4 s ago`, `12 min ago` */
export function ago(at, now) {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 2) {
    return "just now";
  }
  if (seconds < 60) {
    return `${seconds} s ago`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ago` : `${Math.floor(minutes / 60)} h ${minutes % 60} min ago`;
}
