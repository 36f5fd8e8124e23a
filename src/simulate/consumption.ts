import type { TownHome } from './homes.ts';
import { type RandomStream, randomStream } from './random-stream.ts';
import type { TownDay } from './town-calendar.ts';
import type { WeatherHour } from './weather.ts';

/** Whole watt-hours of each interval of one local day: what a home takes from the grid, and gives to it. */
export interface DayEnergy {
    readonly taken: Int32Array;
    readonly given: Int32Array;
}

/** Temperature below which homes heat, in degrees Celsius. */
const HEATING_LIMIT = 16;

/**
 * The energy of one home, day after day. The result depends on seed, home and days only, not on flaws or feeds; floats are
 * quantised once per interval, by `Math.round` of plain arithmetic, so that every platform gives the same watt-hours.
 */
export class HomeEnergy {
    readonly #home: TownHome;
    readonly #random: RandomStream;
    readonly #size: number;
    readonly #shiftHours: number;
    readonly #chargeHour: number;

    constructor(seed: string, home: TownHome) {
        this.#home = home;
        this.#random = randomStream(seed, 'energy', home.index);
        this.#size = 0.6 + this.#random.unit() * 0.9;
        this.#shiftHours = this.#random.between(-1, 1);
        this.#chargeHour = this.#random.between(18, 23);
    }

    /** Must be called for each day in order. */
    nextDay(day: TownDay, weather: readonly WeatherHour[]): DayEnergy {
        const { minutes, kind } = this.#home;
        const perHour = 60 / minutes;
        // the last hour of a day may be half of one, where the clock moves by half an hour
        const count = Math.floor((day.to - day.from) / (minutes * 60_000));
        const energy = { taken: new Int32Array(count), given: new Int32Array(count) };
        const chargingHours = this.#random.chance(0.55) ? this.#random.between(1, 4) : 0;
        const isAway = this.#random.chance(0.03);
        const profile = day.isFree ? kind.freeDayWatts : kind.workdayWatts;
        for (const [hour, wallHour] of day.wallHours.entries()) {
            const { temperature, sun } = weather[hour] ?? { temperature: 10, sun: 0 };
            const base = (profile[(wallHour + this.#shiftHours + 24) % 24] ?? 0) * (isAway ? 0.35 : 1);
            const heating = kind.heatingWatts * Math.max(0, HEATING_LIMIT - temperature);
            const charging = wallHour - this.#chargeHour;
            const charger = charging >= 0 && charging < chargingHours ? kind.chargerWatts : 0;
            const steadyWatts = heating * this.#size + charger;
            this.#fillHour(energy, hour * perHour, base * this.#size, steadyWatts, sun * kind.panelWatts);
        }
        return energy;
    }

    #fillHour(energy: DayEnergy, first: number, base: number, steady: number, panels: number): void {
        const hours = this.#home.minutes / 60;
        const end = Math.min(first + 60 / this.#home.minutes, energy.taken.length);
        for (let slot = first; slot < end; slot += 1) {
            const noise = this.#random.unit();
            // A kettle, an oven: now and then an interval is far above its neighbours.
            const burst = noise > 0.97 ? 1500 * (noise - 0.9) : 0;
            const watts = base * (0.6 + 0.8 * noise) + steady * (0.9 + 0.2 * noise) + burst - panels;
            const wh = Math.round(watts * hours);
            if (wh >= 0) energy.taken[slot] = wh;
            else energy.given[slot] = -wh;
        }
    }
}
