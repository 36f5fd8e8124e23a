import { sparkEngine } from '../../src/engine/spark/spark-engine.ts';

// A process that asks a server and is killed: says `runs` once the server has told that tasks of the query are under way.
const [address = '', query = ''] = process.argv.slice(2);
const engine = sparkEngine({ address });
const session = await engine.openSession({ onProgress: () => process.stdout.write('runs\n') });
await session.rows(query);
