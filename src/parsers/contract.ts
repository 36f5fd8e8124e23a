import type * as z from 'zod';
import type { FeedColumn, FeedContract, RecordLayout, StampRules } from '../contracts/feed-contract.ts';
import { GridtallyError, type InputFault } from '../kernel/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import { parseYaml, type YamlDocument, type YamlPath } from '../kernel/yaml-document.ts';
import { offsetAt, zoneOf } from '../kernel/zone.ts';
import { consistencyFaults } from './contract-consistency.ts';
import {
    type ContractParts,
    type CustomProperties,
    contractDocument,
    contractParts,
} from './contract-document.ts';
import {
    columnSettings,
    delimiterOf,
    type FeedSettings,
    feedSettings,
    registerSettings,
    settingsOfRegister,
} from './contract-settings.ts';
import { periodColumns, timeColumns, type WideColumn } from './wide-columns.ts';

/**
 * Reads a feed's data contract: Open Data Contract Standard v3.1 YAML with the custom properties of docs/feeds.md.
 * Every default is filled in. Throws `feed.contract-invalid` (or `yaml.invalid`) with all faults, each with line and field.
 */
export function readContract(text: string, file: string): FeedContract {
    const yaml = parseYaml(text, file);
    const faults = new FaultList(file, yaml);
    const document = faults.check(contractDocument, yaml.value, (path) => path);
    // The feed's own settings are checked even where the frame around them is wrong, so that all faults are told at once.
    const parts = document ?? contractParts.safeParse(yaml.value).data;
    if (parts === undefined) throw faults.refusal();
    const settings = readSettings(parts, faults);
    const columns = readColumns(parts, settings, faults);
    if (settings === undefined || columns === undefined) throw faults.refusal();
    for (const fault of consistencyFaults(settings, columns)) {
        const at =
            fault.column === undefined
                ? settingPath(parts, fault.field)
                : columnPath(propertyOf(parts, columns[fault.column]?.name ?? '', fault.column));
        faults.add(at, fault.field, fault.message);
    }
    if (document === undefined || faults.any) throw faults.refusal();
    return {
        feed: document.name,
        version: document.version,
        sha256: sha256Hex(text),
        ...rules(settings, columns),
    };
}

/** Faults of one document, found by path and told by line and field. */
class FaultList {
    readonly #file: string;
    readonly #yaml: YamlDocument;
    readonly #faults: InputFault[] = [];

    constructor(file: string, yaml: YamlDocument) {
        this.#file = file;
        this.#yaml = yaml;
    }

    get any(): boolean {
        return this.#faults.length > 0;
    }

    add(path: YamlPath, field: string, message: string): void {
        this.#faults.push({ file: this.#file, line: this.#yaml.lineOf(path), field, message });
    }

    /** `pathOf` says where in the document a place of the value stands. */
    check<T extends z.ZodType>(
        schema: T,
        value: unknown,
        pathOf: (path: YamlPath) => YamlPath,
        fieldPrefix = '',
    ): z.output<T> | undefined {
        const result = schema.safeParse(value);
        if (result.success) return result.data;
        for (const issue of result.error.issues) {
            const path = issue.path.filter((step) => typeof step !== 'symbol');
            if (issue.code !== 'unrecognized_keys') {
                this.add(pathOf(path), fieldPrefix + fieldText(path), issue.message);
                continue;
            }
            for (const key of issue.keys) {
                const keyPath = [...path, key];
                this.add(pathOf(keyPath), fieldPrefix + fieldText(keyPath), `${key} is not known here.`);
            }
        }
        return undefined;
    }

    refusal(): GridtallyError {
        const faults = this.#faults.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
        return new GridtallyError(
            'feed.contract-invalid',
            `${this.#file} is not a data contract that can be used.`,
            {
                faults,
            },
        );
    }
}

function fieldText(path: YamlPath): string {
    return path
        .map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`))
        .join('');
}

function readSettings(document: ContractParts, faults: FaultList): FeedSettings | undefined {
    const properties = document.schema[0]?.customProperties ?? [];
    const path = ['schema', 0, 'customProperties'];
    const isRegister = properties.some(({ property, value }) => property === 'kind' && value === 'register');
    if (!isRegister) return readCustom(feedSettings, properties, path, '', faults);
    const settings = readCustom(registerSettings, properties, path, '', faults);
    return settings && settingsOfRegister(settings);
}

function readColumns(
    document: ContractParts,
    settings: FeedSettings | undefined,
    faults: FaultList,
): FeedColumn[] | undefined {
    const columns = (document.schema[0]?.properties ?? []).map(
        ({ name, required, logicalType, customProperties }, i) => {
            const path = [...columnPath(i), 'customProperties'];
            const read = readCustom(columnSettings, customProperties, path, `${name}.`, faults);
            if (read === undefined) return undefined;
            const { role } = read;
            const expected = EXPECTED_TYPES[role];
            if (expected !== undefined && logicalType !== expected) {
                const message = `A column of role ${role} has the logicalType ${expected}.`;
                faults.add([...columnPath(i), 'logicalType'], `${name}.logicalType`, message);
            }
            if (role !== 'periods' && role !== 'times') return [{ name, role, required }];
            const wide = wideColumns(role, name, settings);
            if (typeof wide !== 'string') {
                return wide.map((column): FeedColumn => ({ ...column, role: 'cell', required }));
            }
            faults.add([...columnPath(i), 'name'], `${name}.name`, wide);
            return undefined;
        },
    );
    return columns.every((column) => column !== undefined) ? columns.flat() : undefined;
}

const EXPECTED_TYPES: Partial<Record<string, string>> = {
    value: 'number',
    periods: 'number',
    times: 'number',
    minutes: 'integer',
    stamp: 'timestamp',
};

function wideColumns(
    role: 'periods' | 'times',
    range: string,
    settings: FeedSettings | undefined,
): WideColumn[] | string {
    if (role === 'periods') return periodColumns(range);
    return timeColumns(range, settings?.intervalMinutes ?? 30, settings?.stampMarks === 'end');
}

function readCustom<T extends z.ZodType>(
    schema: T,
    properties: CustomProperties,
    path: YamlPath,
    fieldPrefix: string,
    faults: FaultList,
): z.output<T> | undefined {
    const values: Record<string, unknown> = {};
    let isTwice = false;
    for (const [i, { property, value }] of properties.entries()) {
        if (Object.hasOwn(values, property)) {
            faults.add([...path, i], fieldPrefix + property, `${property} is given twice.`);
            isTwice = true;
        }
        values[property] = value;
    }
    const place = ([property]: YamlPath) => {
        const i = properties.findIndex((p) => p.property === property);
        return i < 0 ? path : [...path, i, 'value'];
    };
    const checked = faults.check(schema, values, place, fieldPrefix);
    return isTwice ? undefined : checked;
}

function settingPath(document: ContractParts, property: string): YamlPath {
    const at = document.schema[0]?.customProperties.findIndex((p) => p.property === property) ?? -1;
    return at < 0 ? ['schema', 0, 'customProperties'] : ['schema', 0, 'customProperties', at, 'value'];
}

/** A column of a range has no property of its own: the range's place is told. */
function propertyOf(document: ContractParts, name: string, place: number): number {
    const properties = document.schema[0]?.properties ?? [];
    if (properties[place]?.name === name) return place;
    const own = properties.findIndex((property) => property.name === name);
    return own >= 0 ? own : properties.findIndex((property) => property.name.includes('..'));
}

function columnPath(index: number): YamlPath {
    return ['schema', 0, 'properties', index];
}

function rules(
    settings: FeedSettings,
    columns: FeedColumn[],
): Omit<FeedContract, 'feed' | 'version' | 'sha256'> {
    return {
        kind: settings.kind,
        layout: layoutOf(settings),
        columns,
        delivery: {
            sourceKey: settings.sourceKey,
            repeatWindowDays: settings.repeatWindowDays === 'off' ? null : settings.repeatWindowDays,
            stampShift: settings.stampShift,
            unitShift: settings.unitShift,
            isBackfill: settings.backfill,
            formFaultsPercent: settings.formFaultsPercent === 'off' ? null : settings.formFaultsPercent,
        },
        reading: {
            identifies: settings.identifies,
            unknownMeter: settings.unknownMeter,
            defaultRegister: settings.defaultRegister,
            flow: settings.flow === 'toCustomer' ? 'to_customer' : 'from_customer',
            unit: settings.unit,
            intervalMinutes: settings.intervalMinutes,
            stamp: stampRules(settings),
            value: {
                decimalMark: settings.decimalMark,
                maxDecimals: settings.maxDecimals,
                maxKwh: settings.maxKwh,
                allowsNegative: settings.allowsNegative,
                nullTexts: settings.nullTexts,
            },
            qualityCodes: settings.qualityCodes,
            withdrawnCodes: settings.withdrawnCodes,
            repeatedInPayload: settings.repeatedInPayload,
        },
        precedence: {
            rank: settings.rank,
            newestAlways: settings.newestAlways,
            stampKind: settings.versionStamp,
        },
    };
}

function layoutOf(settings: FeedSettings): RecordLayout {
    return {
        format: settings.format === 'ndjson' ? 'ndjson' : 'delimited',
        delimiter: delimiterOf(settings),
        quoting: settings.quoting,
        maxLineBytes: settings.maxLineBytes,
    };
}

function stampRules(settings: FeedSettings): StampRules {
    return {
        format: settings.stampFormat,
        marks: settings.stampMarks,
        clock: clockOf(settings.clock),
        repeatedHour: settings.repeatedHour,
        allows2400: settings.allows2400,
        maxFutureMinutes: settings.maxFutureMinutes,
    };
}

function clockOf(text: string): StampRules['clock'] {
    if (text === 'utc') return { kind: 'utc' };
    const zone = zoneOf(text);
    if (/^[+-]/.test(text)) return { kind: 'fixed', offsetMinutes: offsetAt(zone, 0) / 60 };
    return { kind: 'local', zone: zone.name };
}
