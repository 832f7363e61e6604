// A charge point on npm's ocpp-rpc client, in strict mode: it validates what it is told by its own schemas.
//
// node charge_point.mjs ENDPOINT IDENTITY PASSWORD PROTOCOL ANSWERS
//
// Lines of JSON on standard input are calls to make, {id, action, params}; on standard output it tells what it was
// answered, {id, result} or {id, error}, and what it was asked, {asked, params}. ANSWERS says what it answers, by action.
import { createInterface } from 'node:readline';
import { RPCClient } from 'ocpp-rpc';

const [endpoint, identity, password, protocol, answers] = process.argv.slice(2);
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const client = new RPCClient({
    endpoint,
    identity,
    password,
    protocols: [protocol],
    strictMode: true,
    reconnect: false,
    callTimeoutMs: 10_000,
});
client.on('strictValidationFailure', ({ error }) => tell({ invalid: `${error}: ${JSON.stringify(error.details)}` }));
for (const [action, answer] of Object.entries(JSON.parse(answers))) {
    client.handle(action, ({ params }) => {
        tell({ asked: action, params });
        return answer;
    });
}

await client.connect();
tell({ connected: client.protocol });
for await (const line of createInterface({ input: process.stdin })) {
    const { id, action, params } = JSON.parse(line);
    client.call(action, params).then(
        (result) => tell({ id, result }),
        (error) => tell({ id, error: error.rpcErrorCode ?? error.name, description: error.message }),
    );
}
await client.close();
