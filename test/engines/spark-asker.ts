import { sparkEngine } from '../../src/engine/spark/spark-engine.ts';

// A process that asks a server and is killed: says `runs` once the server has taken the query up.
const [address = '', query = ''] = process.argv.slice(2);
const engine = sparkEngine({ address });
const session = await engine.openSession();
const answer = session.rows(query);
setTimeout(() => process.stdout.write('runs\n'), 5_000);
await answer;
