import type { MessageInitShape } from '@bufbuild/protobuf';
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
 * taken as they are, with no pattern in them, and must be there. `urlColumn` names a further column with the URL of a row's file.
 */
export function filesRelation(
    format: string,
    paths: readonly string[],
    options: { readonly schema?: string; readonly urlColumn?: string } = {},
): SparkRelation {
    const { schema, urlColumn } = options;
    const dataSource = {
        format,
        paths: paths.map(withoutPatterns),
        ...(schema === undefined ? {} : { schema }),
    };
    const files: SparkRelation = {
        relType: { case: 'read', value: { readType: { case: 'dataSource', value: dataSource } } },
    };
    if (urlColumn === undefined) return files;
    const url: SparkExpression = {
        exprType: { case: 'unresolvedAttribute', value: { unparsedIdentifier: '_metadata.file_path' } },
    };
    const expressions: SparkExpression[] = [
        { exprType: { case: 'unresolvedStar', value: {} } },
        { exprType: { case: 'alias', value: { name: [urlColumn], expr: url } } },
    ];
    return { relType: { case: 'project', value: { input: files, expressions } } };
}

/** The same rows; a join with it sends all of them to each task of the other side. */
export function broadcastRelation(input: SparkRelation): SparkRelation {
    return { relType: { case: 'hint', value: { input, name: 'broadcast', parameters: [] } } };
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
