import { DateTime } from 'luxon';
import { createTask, type ScheduledTask } from 'node-cron';

/*
 * node-cron names a next run that lies an hour too late when a zone's clocks are put back, so in a zone
 * it only ticks, in UTC, where no clock is ever changed; the expression is held against the zone's own
 * clock here. When that is put forward, what stood in the hour that is left out is due right after it;
 * when it is put back, an hour comes twice, and so does what stands in it: a pass more costs nothing.
 */

export interface Schedule {
  /** Five or six cron fields. */
  readonly expression: string;
  /** An IANA name. */
  readonly timeZone: string;
}

export function onSchedule({ expression, timeZone }: Schedule, tick: () => void): ScheduledTask {
  if (timeZone === 'UTC')
    return createTask(expression, tick, { timezone: 'UTC', suppressMissedWarning: true });
  const everyTick = hasSeconds(expression) ? '* * * * * *' : '* * * * *';
  const isDue = dueIn({ expression, timeZone });
  const tickWhereDue = ({ date }: { readonly date: Date }): void => {
    if (isDue(date.getTime())) tick();
  };
  return createTask(everyTick, tickWhereDue, { timezone: 'UTC', suppressMissedWarning: true });
}

/** Whether the schedule is due at the minute (with six fields: the second) of an instant, in ms since 1970. */
export function dueIn({ expression, timeZone }: Schedule): (atMs: number) => boolean {
  const matcher = createTask(expression, () => undefined, { timezone: 'UTC' });
  const stepMs = hasSeconds(expression) ? 1_000 : 60_000;
  return (atMs) => {
    const at = Math.floor(atMs / stepMs) * stepMs;
    const shown = wallClock(at, timeZone);
    // Usually the same; earlier where the clock was put forward just now, later where it was put back.
    const following = wallClock(at - stepMs, timeZone) + stepMs;
    for (let wall = Math.min(following, shown); wall <= shown; wall += stepMs)
      if (matcher.match(new Date(wall))) return true;
    return false;
  };
}

function hasSeconds(expression: string): boolean {
  return expression.trim().split(/\s+/).length === 6;
}

/** What the zone's clock shows, as if it were the time in UTC. */
function wallClock(atMs: number, timeZone: string): number {
  return atMs + DateTime.fromMillis(atMs, { zone: timeZone }).offset * 60_000;
}
