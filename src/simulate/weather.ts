import { type RandomStream, randomStream } from './random-stream.ts';
import type { TownDay } from './town-calendar.ts';

/** Weather of one elapsed hour of a local day. */
export interface WeatherHour {
    /** Degrees Celsius. */
    readonly temperature: number;
    /** What panels give of their peak power, 0 to 1. */
    readonly sun: number;
}

/** The weather of each day of the town: seasons, and a walk of temperature and cloud from day to day. */
export function townWeather(seed: string, days: readonly TownDay[]): WeatherHour[][] {
    const random = randomStream(seed, 'weather');
    let warmer = 0;
    let cloud = 0.5;
    return days.map((day) => {
        warmer = warmer * 0.8 + (random.unit() - 0.5) * 4;
        cloud = Math.min(1, Math.max(0, cloud + (random.unit() - 0.5) * 0.7));
        const mean = 10.5 + 7.5 * day.season + warmer;
        return day.wallHours.map((hour) => weatherHour(random, day, hour, mean, cloud));
    });
}

function weatherHour(
    random: RandomStream,
    day: TownDay,
    hour: number,
    mean: number,
    cloud: number,
): WeatherHour {
    const fromAfternoon = Math.abs(hour - 15) / 12;
    const temperature = mean + (1 - 2 * fromAfternoon) * (2 + 3 * (1 - cloud)) + (random.unit() - 0.5);
    const halfDay = 6 + 2.3 * day.season;
    const height = (hour + 0.5 - 12.5) / halfDay;
    const clear = Math.max(0, 1 - height * height) * (0.55 + 0.35 * day.season);
    return { temperature, sun: clear * (1 - 0.8 * cloud) * (0.75 + 0.25 * random.unit()) };
}
