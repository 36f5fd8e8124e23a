import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ExecutePlanResponse_ObservedMetrics } from './protocol/spark/connect/base_pb.ts';
import type { ExpressionSchema } from './protocol/spark/connect/expressions_pb.ts';
import { type RelationSchema, SetOperation_SetOpType } from './protocol/spark/connect/relations_pb.ts';

/** What a query reads or computes: a node of a plan that the server runs. */
export type SparkRelation = MessageInitShape<typeof RelationSchema>;
type SparkExpression = MessageInitShape<typeof ExpressionSchema>;

export function sqlRelation(query: string): SparkRelation {
    return { relType: { case: 'sql', value: { query } } };
}

/**
 * Exactly these files, with exactly these columns (`name type, name type`; absent: those of the files); columns that a file lacks are null in it. Paths are
 * taken as they are, with no pattern in them, and must be there.
 */
export function filesRelation(format: string, paths: readonly string[], schema?: string): SparkRelation {
    const dataSource = {
        format,
        paths: paths.map(withoutPatterns),
        ...(schema === undefined ? {} : { schema }),
    };
    return { relType: { case: 'read', value: { readType: { case: 'dataSource', value: dataSource } } } };
}

/** The same rows; a join with it sends all of them to each task of the other side. */
export function broadcastRelation(input: SparkRelation): SparkRelation {
    return { relType: { case: 'hint', value: { input, name: 'broadcast', parameters: [] } } };
}

/** None of the rows, which a plan knows before it runs. */
export function emptyRelation(input: SparkRelation): SparkRelation {
    return { relType: { case: 'limit', value: { input, limit: 0 } } };
}

/** The same rows, which the server counts on their way: it tells `observedCount` of this name with its answer. */
export function countedRelation(input: SparkRelation, name: string): SparkRelation {
    const one: SparkExpression = {
        exprType: { case: 'literal', value: { literalType: { case: 'integer', value: 1 } } },
    };
    const count: SparkExpression = {
        exprType: { case: 'unresolvedFunction', value: { functionName: 'count', arguments: [one] } },
    };
    const named: SparkExpression = { exprType: { case: 'alias', value: { expr: count, name: [name] } } };
    return { relType: { case: 'collectMetrics', value: { input, name, metrics: [named] } } };
}

/** The same rows, those of each task ordered by a text of SQL such as `a nulls last, b desc`. */
export function sortedRelation(input: SparkRelation, order: string): SparkRelation {
    const root = sqlRelation(`select * from sorted_rows sort by ${order}`);
    const alias: SparkRelation = {
        relType: { case: 'subqueryAlias', value: { input, alias: 'sorted_rows' } },
    };
    return { relType: { case: 'withRelations', value: { root, references: [alias] } } };
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

/** How many rows passed the relation that `countedRelation` made under the name; undefined where the server does not say. */
export function observedCount(
    metrics: readonly ExecutePlanResponse_ObservedMetrics[],
    name: string,
): number | undefined {
    const value = metrics.find((observed) => observed.name === name)?.values[0]?.literalType;
    return value?.case === 'long' ? Number(value.value) : undefined;
}
