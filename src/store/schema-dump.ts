import type { Database } from './database.ts';

/** What is the home's own: not an extension's, and not the migrations' bookkeeping. `oid` and `name` are of the object. */
const OWN = (catalogue: string) =>
    `not exists (select 1 from pg_depend d
                  where d.classid = '${catalogue}'::regclass and d.objid = o.oid and d.deptype = 'e')`;
const IN_SCHEMA = 'current_schema()::regnamespace';

/**
 * The resulting schema as text that differs exactly where the schema does: extensions, types, sequences, functions, tables with
 * columns, constraints, indexes and triggers, and views, each in order of name (columns in their own). Read from the catalogue, so no
 * program beside the server is needed. It is for reading and comparing; the migrations are what makes a schema.
 */
export async function dumpSchema(db: Database): Promise<string> {
    const parts = await Promise.all([
        lines(
            db,
            `select 'extension ' || extname || ';' as line from pg_extension where extname <> 'plpgsql' order by 1`,
        ),
        enumTypes(db),
        domains(db),
        sequences(db),
        functions(db),
        tables(db),
        views(db),
    ]);
    const text = parts.flat().join('\n\n').replaceAll(`${db.schema}.`, '');
    return `-- The schema that the migrations make. Written by test/store/dump-schema.ts; do not edit.\n\n${text}\n`;
}

async function enumTypes(db: Database): Promise<string[]> {
    return lines(
        db,
        `select 'type ' || o.typname || ' as enum ('
                || string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) || ');' as line
           from pg_type o join pg_enum e on e.enumtypid = o.oid
          where o.typnamespace = ${IN_SCHEMA} and ${OWN('pg_type')}
          group by o.typname order by o.typname`,
    );
}

async function domains(db: Database): Promise<string[]> {
    return lines(
        db,
        `select 'domain ' || o.typname || ' as ' || format_type(o.typbasetype, o.typtypmod)
                || case when o.typnotnull then ' not null' else '' end
                || coalesce(' default ' || o.typdefault, '')
                || coalesce((select string_agg(' ' || pg_get_constraintdef(c.oid, true), '' order by c.conname)
                               from pg_constraint c where c.contypid = o.oid and c.contype = 'c'), '') || ';' as line
           from pg_type o
          where o.typtype = 'd' and o.typnamespace = ${IN_SCHEMA} and ${OWN('pg_type')}
          order by o.typname`,
    );
}

/** Sequences of identity columns are told with their columns. */
async function sequences(db: Database): Promise<string[]> {
    return lines(
        db,
        `select 'sequence ' || o.relname || ' as ' || format_type(s.seqtypid, null) || ' start ' || s.seqstart
                || ' increment ' || s.seqincrement || ' minimum ' || s.seqmin || ' maximum ' || s.seqmax
                || case when s.seqcycle then ' cycle' else '' end || ';' as line
           from pg_class o join pg_sequence s on s.seqrelid = o.oid
          where o.relnamespace = ${IN_SCHEMA} and ${OWN('pg_class')}
            and not exists (select 1 from pg_depend d where d.objid = o.oid and d.deptype = 'i')
          order by o.relname`,
    );
}

async function functions(db: Database): Promise<string[]> {
    return lines(
        db,
        `select pg_get_functiondef(o.oid) || ';' as line
           from pg_proc o
          where o.prokind in ('f', 'p') and o.pronamespace = ${IN_SCHEMA} and ${OWN('pg_proc')}
          order by o.proname, pg_get_function_identity_arguments(o.oid)`,
    );
}

async function views(db: Database): Promise<string[]> {
    return lines(
        db,
        `select case o.relkind when 'm' then 'materialized ' else '' end || 'view ' || o.relname || ' as'
                || chr(10) || pg_get_viewdef(o.oid, true) as line
           from pg_class o
          where o.relkind in ('v', 'm') and o.relnamespace = ${IN_SCHEMA} and ${OWN('pg_class')}
          order by o.relname`,
    );
}

interface TablePart {
    readonly table: string;
    readonly line: string;
}

async function tables(db: Database): Promise<string[]> {
    const [heads, columns, constraints, after] = await Promise.all([
        tableHeads(db),
        tableColumns(db),
        tableConstraints(db),
        tableExtras(db),
    ]);
    const of = (parts: readonly TablePart[], table: string) =>
        parts.filter((part) => part.table === table).map((part) => part.line);
    return heads.map(({ table, line }) => {
        const inside = [...of(columns, table), ...of(constraints, table)].map((text) => `    ${text}`);
        return [`table ${table} (\n${inside.join(',\n')}\n)${line};`, ...of(after, table)].join('\n');
    });
}

async function tableHeads(db: Database): Promise<TablePart[]> {
    return db.query<TablePart>(
        `select o.relname as table,
                coalesce(' partition by ' || pg_get_partkeydef(o.oid), '')
                || coalesce(' partition of ' || (select i.inhparent::regclass from pg_inherits i where i.inhrelid = o.oid)
                            || ' ' || pg_get_expr(o.relpartbound, o.oid), '')
                || case when o.relpersistence = 'u' then ' unlogged' else '' end
                || case when o.relrowsecurity then ' row security' else '' end
                || coalesce(' with (' || array_to_string(o.reloptions, ', ') || ')', '') as line
           from pg_class o
          where o.relkind in ('r', 'p') and o.relnamespace = ${IN_SCHEMA} and ${OWN('pg_class')}
            and o.relname <> 'schema_migrations'
          order by o.relname`,
    );
}

async function tableColumns(db: Database): Promise<TablePart[]> {
    return db.query<TablePart>(
        `select o.relname as table,
                a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                || case when a.attcollation <> t.typcollation then ' collate ' || a.attcollation::regcollation else '' end
                || case when a.attnotnull then ' not null' else '' end
                || case a.attidentity when 'a' then ' generated always as identity'
                                      when 'd' then ' generated by default as identity' else '' end
                || case when a.attgenerated = '' then coalesce(' default ' || pg_get_expr(e.adbin, e.adrelid), '')
                        else ' generated always as (' || pg_get_expr(e.adbin, e.adrelid) || ')'
                             || case a.attgenerated when 's' then ' stored' else ' virtual' end end as line
           from pg_class o
           join pg_attribute a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
           join pg_type t on t.oid = a.atttypid
           left join pg_attrdef e on e.adrelid = o.oid and e.adnum = a.attnum
          where o.relkind in ('r', 'p') and o.relnamespace = ${IN_SCHEMA}
          order by o.relname, a.attnum`,
    );
}

/** Without `not null`, which PostgreSQL 18 counts among them: it is told with the column. */
async function tableConstraints(db: Database): Promise<TablePart[]> {
    return db.query<TablePart>(
        `select o.relname as table, 'constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid, true) as line
           from pg_class o join pg_constraint c on c.conrelid = o.oid
          where c.contype <> 'n' and o.relnamespace = ${IN_SCHEMA}
          order by o.relname, c.contype = 'p' desc, c.conname`,
    );
}

/** Indexes that are no constraint's, triggers that are no constraint's, and row policies. */
async function tableExtras(db: Database): Promise<TablePart[]> {
    return db.query<TablePart>(
        `select o.relname as table, 1 as kind, x.indexrelid::regclass::text as name,
                pg_get_indexdef(x.indexrelid, 0, true) || ';' as line
           from pg_class o join pg_index x on x.indrelid = o.oid
          where o.relnamespace = ${IN_SCHEMA}
            and not exists (select 1 from pg_constraint c where c.conindid = x.indexrelid and c.conrelid = o.oid)
         union all
         select o.relname, 2, t.tgname, pg_get_triggerdef(t.oid, true) || ';'
           from pg_class o join pg_trigger t on t.tgrelid = o.oid
          where o.relnamespace = ${IN_SCHEMA} and not t.tgisinternal
         union all
         select o.relname, 3, p.polname,
                'policy ' || p.polname || ' for ' || p.polcmd::text
                || coalesce(' using ' || pg_get_expr(p.polqual, p.polrelid), '')
                || coalesce(' with check ' || pg_get_expr(p.polwithcheck, p.polrelid), '') || ';'
           from pg_class o join pg_policy p on p.polrelid = o.oid
          where o.relnamespace = ${IN_SCHEMA}
          order by 1, 2, 3`,
    );
}

async function lines(db: Database, text: string): Promise<string[]> {
    return (await db.query<{ line: string }>(text)).map(({ line }) => line.trimEnd());
}
