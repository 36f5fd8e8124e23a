/**
 * Writes `src/engine/spark-connect/protocol` anew: the messages of Spark Connect as TypeScript, made by `protoc-gen-es`
 * from the descriptors that Apache publishes inside its Python package (`node run.cjs test/engines/write-protocol.ts`).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
    CodeGeneratorRequestSchema,
    CodeGeneratorResponseSchema,
    type FileDescriptorProto,
    FileDescriptorProtoSchema,
    file_google_protobuf_any,
    file_google_protobuf_timestamp,
    FieldDescriptorProto_Label as Label,
    FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { GENERATOR_FOLDER, SPARK_HOME } from './spark-cache.ts';

export const PROTOCOL_FOLDER = path.join(import.meta.dirname, '../../src/engine/spark-connect/protocol');

// examples of plugins, which no message refers to
const LEFT_OUT: ReadonlySet<string> = new Set(['example_plugins_pb2.py']);

/** Texts of the generated files by their path below the protocol's folder. */
export function generateProtocol(): Map<string, string> {
    const folder = path.join(SPARK_HOME, 'sql/connect/proto');
    const spark = readdirSync(folder)
        .filter((name) => name.endsWith('_pb2.py') && !LEFT_OUT.has(name))
        .map((name) => descriptorIn(readFileSync(path.join(folder, name), 'latin1'), name));
    const given = [
        file_google_protobuf_any.proto,
        file_google_protobuf_timestamp.proto,
        RPC_STATUS,
        ...spark,
    ];
    const request = create(CodeGeneratorRequestSchema, {
        fileToGenerate: [RPC_STATUS, ...spark].map((file) => file.name),
        parameter: 'target=ts,import_extension=ts,erasable_syntax=true',
        protoFile: inOrderOfImports(given),
    });
    const plugin = path.join(GENERATOR_FOLDER, 'bin/protoc-gen-es');
    const run = spawnSync(process.execPath, [plugin], {
        input: toBinary(CodeGeneratorRequestSchema, request),
        maxBuffer: 64 << 20,
    });
    if (run.status !== 0) throw new Error(`protoc-gen-es: ${run.stderr}`);
    const response = fromBinary(CodeGeneratorResponseSchema, run.stdout);
    if (response.error !== '') throw new Error(`protoc-gen-es: ${response.error}`);
    return new Map(response.file.map((file) => [file.name, file.content]));
}

/** The serialized descriptor stands in each Python module as one literal of bytes. */
function descriptorIn(python: string, name: string): FileDescriptorProto {
    const literal = /AddSerializedFile\(\s*b(['"])((?:\\[\s\S]|(?!\1)[\s\S])*)\1/.exec(python)?.[2];
    if (literal === undefined) throw new Error(`${name} has no serialized descriptor`);
    return fromBinary(FileDescriptorProtoSchema, bytesOfLiteral(literal));
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function bytesOfLiteral(literal: string): Uint8Array {
    const text = literal.replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[\s\S])/g, (_, code: string) => {
        if (/^x/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
        if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
        return ESCAPED[code] ?? code;
    });
    return Uint8Array.from(Buffer.from(text, 'latin1'));
}

/** A plugin is handed every file after those that it imports. */
function inOrderOfImports(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
    const byName = new Map(files.map((file) => [file.name, file]));
    const ordered = new Set<FileDescriptorProto>();
    const visit = (name: string) => {
        const file = byName.get(name);
        if (file === undefined) throw new Error(`no descriptor of ${name}`);
        if (ordered.has(file)) return;
        for (const imported of file.dependency) visit(imported);
        ordered.add(file);
    };
    for (const file of files) visit(file.name);
    return [...ordered];
}

/** google.rpc.Status and ErrorInfo, in which gRPC servers send details of an error; public API, of which two messages are used. */
const RPC_STATUS = create(FileDescriptorProtoSchema, {
    name: 'google/rpc/status.proto',
    package: 'google.rpc',
    syntax: 'proto3',
    dependency: ['google/protobuf/any.proto'],
    messageType: [
        {
            name: 'Status',
            field: [
                { name: 'code', number: 1, label: Label.OPTIONAL, type: Type.INT32, jsonName: 'code' },
                { name: 'message', number: 2, label: Label.OPTIONAL, type: Type.STRING, jsonName: 'message' },
                {
                    name: 'details',
                    number: 3,
                    label: Label.REPEATED,
                    type: Type.MESSAGE,
                    typeName: '.google.protobuf.Any',
                    jsonName: 'details',
                },
            ],
        },
        {
            name: 'ErrorInfo',
            field: [
                { name: 'reason', number: 1, label: Label.OPTIONAL, type: Type.STRING, jsonName: 'reason' },
                { name: 'domain', number: 2, label: Label.OPTIONAL, type: Type.STRING, jsonName: 'domain' },
                {
                    name: 'metadata',
                    number: 3,
                    label: Label.REPEATED,
                    type: Type.MESSAGE,
                    typeName: '.google.rpc.ErrorInfo.MetadataEntry',
                    jsonName: 'metadata',
                },
            ],
            nestedType: [
                {
                    name: 'MetadataEntry',
                    options: { mapEntry: true },
                    field: [
                        { name: 'key', number: 1, label: Label.OPTIONAL, type: Type.STRING, jsonName: 'key' },
                        {
                            name: 'value',
                            number: 2,
                            label: Label.OPTIONAL,
                            type: Type.STRING,
                            jsonName: 'value',
                        },
                    ],
                },
            ],
        },
    ],
});

if (import.meta.main) {
    rmSync(PROTOCOL_FOLDER, { recursive: true, force: true });
    for (const [name, text] of generateProtocol()) {
        const file = path.join(PROTOCOL_FOLDER, name);
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, text);
    }
}
