import { DateTime } from 'luxon';
import type { ZoneClock } from './parse-flags.ts';

export function zoneClock(timeZone: string): ZoneClock {
  return {
    startOfDay: (at, days) =>
      DateTime.fromMillis(at, { zone: timeZone }).plus({ days }).startOf('day').toMillis(),
    at(local) {
      const found = DateTime.fromISO(local, { zone: timeZone });
      if (!found.isValid) return null;
      // A time that was left out when the clock was put forward is shown as another one; a day begins when it begins.
      const isDay = local.length === 'YYYY-MM-DD'.length;
      return isDay || found.toFormat('HH:mm') === local.slice(11, 16) ? found.toMillis() : null;
    },
  };
}
