// A Modbus TCP device on npm's modbus-serial, on a free port of loopback.
//
// Lines of JSON on standard input are words that are in it from now on, {unit, table, words: {address: word}}; an empty
// object ends the first of them. On standard output it tells {port} then, and what is written to it, {unit, address,
// words, function}. What was never put there is refused: illegal address.
import { createInterface } from 'node:readline';
import modbus from 'modbus-serial';

const ILLEGAL_ADDRESS = 2;
const tables = new Map();
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

function table(unit, name) {
    const key = `${unit} ${name}`;
    if (!tables.has(key)) tables.set(key, new Map());
    return tables.get(key);
}

function refuse() {
    throw Object.assign(new Error('illegal address'), { modbusErrorCode: ILLEGAL_ADDRESS });
}

function word(name) {
    return (address, unit) => table(unit, name).get(address) ?? refuse();
}

function take(name, code) {
    return (address, given, unit) => {
        const words = [given].flat().map(Number);
        const there = table(unit, name);
        if (!words.every((_, offset) => there.has(address + offset))) refuse();
        words.forEach((each, offset) => there.set(address + offset, each));
        tell({ unit, address, words, function: code });
    };
}

function listen() {
    const vector = {
        getHoldingRegister: word('holding'),
        getInputRegister: word('input'),
        getCoil: word('coil'),
        getDiscreteInput: word('discrete'),
        setRegister: take('holding', 6),
        setRegisterArray: take('holding', 16),
        setCoil: take('coil', 5),
    };
    const server = new modbus.ServerTCP(vector, { host: '127.0.0.1', port: 0, unitID: 255 });
    server.on('initialized', () => tell({ port: server._server.address().port }));
    server.on('socketError', () => {}); // the other end may go as it likes
}

for await (const line of createInterface({ input: process.stdin })) {
    const { unit, table: name, words } = JSON.parse(line);
    if (name === undefined) listen();
    else Object.entries(words).forEach(([address, each]) => table(unit, name).set(Number(address), each));
}
process.exit(0);
