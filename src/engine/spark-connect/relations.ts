import type { MessageInitShape } from '@bufbuild/protobuf';
import { type RelationSchema, SetOperation_SetOpType } from './protocol/spark/connect/relations_pb.ts';

/** What a query reads or computes: a node of a plan that the server runs. */
export type SparkRelation = MessageInitShape<typeof RelationSchema>;

export function sqlRelation(query: string): SparkRelation {
    return { relType: { case: 'sql', value: { query } } };
}

/**
 * Exactly these files, with exactly these columns (`name type, name type`); columns that a file lacks are null in it. Paths are
 * taken as they are, with no pattern in them, and must be there.
 */
export function filesRelation(format: string, schema: string, paths: readonly string[]): SparkRelation {
    const dataSource = { format, schema, paths: paths.map(withoutPatterns) };
    return { relType: { case: 'read', value: { readType: { case: 'dataSource', value: dataSource } } } };
}

/** All rows of all inputs; columns by position. */
export function unionRelation(inputs: readonly SparkRelation[]): SparkRelation {
    const [first, ...others] = inputs;
    if (first === undefined) throw new RangeError('a union has an input');
    return others.reduce(
        (leftInput, rightInput): SparkRelation => ({
            relType: {
                case: 'setOp',
                value: { leftInput, rightInput, setOpType: SetOperation_SetOpType.UNION, isAll: true },
            },
        }),
        first,
    );
}

/** The server takes a path as a pattern; what would be one is escaped. */
function withoutPatterns(path: string): string {
    return path.replace(/[{}[\]*?\\]/g, '\\$&');
}
