import { stopOnFirstSignal } from '../../src/cli/stop-on-signal.ts';
import { sparkEngine } from '../../src/engine/spark/spark-engine.ts';

// A process that asks a server and is killed, or told to end: says `runs` once the server has told that tasks of the query are under way.
const [address = '', query = ''] = process.argv.slice(2);
const engine = sparkEngine({ address });
stopOnFirstSignal([() => engine.close()]);
const session = await engine.openSession({ onProgress: () => process.stdout.write('runs\n') });
// told like an error of a command, which ends no process that a signal is about to end
await session.rows(query).catch(() => {});
