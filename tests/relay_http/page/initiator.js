// An initiator of links in a browser, written from docs/spec/link.md: it opens a relay's WebSocket,
// shakes hands as a client, pings, and asks one question. For tests only: it keeps no key and
// erases none, and nothing here is constant in time but what WebCrypto does.
//
// The query of the page says where: `url` of the WebSocket, `identity` of the relay in hex, `network`,
// and `request`, the body of a call in hex. What came of it is in `window.outcome`.

import { blake2b, chacha20poly1305, hmac, ml_kem768 } from "/noble.js";

const NAME = "Noise_NKhfs_25519+ML-KEM-768_ChaChaPoly_BLAKE2b";
const UNIT = 2624;
const PIECE = 2598;
const HELLO = 1, PING = 9, PONG = 10, RPC = 11;
const REQUEST = 0, RESPONSE = 1, LAST = 128;

const ascii = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

function join(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const number = (value, bytes) =>
  Uint8Array.from({ length: bytes }, (_, at) => Number((BigInt(value) >> BigInt(8 * (bytes - 1 - at))) & 255n));

function nonce(counter) {
  return join(new Uint8Array(4), number(counter, 8).reverse());
}

function power(base, exponent, modulus) {
  let result = 1n;
  for (; exponent > 0n; exponent >>= 1n, base = (base * base) % modulus) {
    if (exponent & 1n) result = (result * base) % modulus;
  }
  return result;
}

/** The X25519 form of an Ed25519 public key: u = (1 + y) / (1 - y). */
function montgomery(identity) {
  const p = 2n ** 255n - 19n;
  const y = BigInt("0x" + hex(identity.slice().reverse())) & (2n ** 255n - 1n);
  const u = ((1n + y) * power((1n - y + p) % p, p - 2n, p)) % p;
  return number(u, 32).reverse();
}

async function exchange(secret, publicKey) {
  const key = await crypto.subtle.importKey("raw", publicKey, "X25519", true, []);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: key }, secret, 256));
}

function hkdf(chaining, material) {
  const extracted = hmac(blake2b, chaining, material);
  const first = hmac(blake2b, extracted, Uint8Array.of(1));
  return [first, hmac(blake2b, extracted, join(first, Uint8Array.of(2)))];
}

class Symmetric {
  constructor(prologue, remoteStatic) {
    this.hash = join(ascii(NAME), new Uint8Array(64 - NAME.length));
    this.chaining = this.hash;
    this.mixHash(prologue);
    this.mixHash(remoteStatic);
  }

  mixHash(data) {
    this.hash = blake2b(join(this.hash, data));
  }

  mixKey(material) {
    const [chaining, key] = hkdf(this.chaining, material);
    [this.chaining, this.key, this.counter] = [chaining, key.slice(0, 32), 0];
  }

  cipher() {
    return chacha20poly1305(this.key, nonce(this.counter++), this.hash);
  }

  seal(plaintext) {
    const sealed = this.cipher().encrypt(plaintext);
    this.mixHash(sealed);
    return sealed;
  }

  open(sealed) {
    const plaintext = this.cipher().decrypt(sealed);
    this.mixHash(sealed);
    return plaintext;
  }
}

/** Reads the binary messages of a WebSocket as one stream of bytes. */
class Stream {
  constructor(socket) {
    this.unread = new Uint8Array(0);
    this.closed = false;
    this.wake = () => {};
    socket.onmessage = ({ data }) => {
      this.unread = join(this.unread, new Uint8Array(data));
      this.wake();
    };
    socket.onclose = () => {
      this.closed = true;
      this.wake();
    };
  }

  async take(count) {
    while (this.unread.length < count) {
      if (this.closed) throw new Error("the relay hung up");
      await new Promise((resolve) => { this.wake = resolve; });
    }
    const taken = this.unread.slice(0, count);
    this.unread = this.unread.slice(count);
    return taken;
  }
}

async function shakeHands(socket, stream, identity, network) {
  const prologue = join(
    ascii("zt-link-prologue-v1"),
    number(NAME.length, 1), ascii(NAME), number(1, 2),
    number(network.length, 1), ascii(network),
  );
  const remoteStatic = montgomery(identity);
  const state = new Symmetric(prologue, remoteStatic);
  const ephemeral = await crypto.subtle.generateKey("X25519", false, ["deriveBits"]);
  const ours = new Uint8Array(await crypto.subtle.exportKey("raw", ephemeral.publicKey));
  const kem = ml_kem768.keygen(crypto.getRandomValues(new Uint8Array(64)));
  state.mixHash(ours);
  state.mixKey(await exchange(ephemeral.privateKey, remoteStatic));
  socket.send(join(ours, state.seal(kem.publicKey), state.seal(new Uint8Array(UNIT - 1248))));

  const answer = await stream.take(UNIT);
  const theirs = answer.slice(0, 32);
  state.mixHash(theirs);
  state.mixKey(await exchange(ephemeral.privateKey, theirs));
  state.mixKey(ml_kem768.decapsulate(state.open(answer.slice(32, 1136)), kem.secretKey));
  if (state.open(answer.slice(1136)).some((byte) => byte !== 0)) throw new Error("a payload");
  const [sending, receiving] = hkdf(state.chaining, new Uint8Array(0));
  return { hash: state.hash, sending: sending.slice(0, 32), receiving: receiving.slice(0, 32) };
}

class Link {
  constructor(socket, stream, keys) {
    [this.socket, this.stream, this.keys, this.sent, this.received] = [socket, stream, keys, 0, 0];
  }

  send(type, payload) {
    const frame = join(number(type, 1), number(payload.length, 3), payload);
    const plaintext = join(frame, new Uint8Array(UNIT - 17 - frame.length));
    const small = Uint8Array.of(1);
    const sealed = chacha20poly1305(this.keys.sending, nonce(this.sent++), small).encrypt(plaintext);
    this.socket.send(join(small, sealed));
  }

  /** The payload of the first frame of the next unit that has one of this type. */
  async receive(type) {
    for (;;) {
      const unit = await this.stream.take(UNIT);
      const cipher = chacha20poly1305(this.keys.receiving, nonce(this.received++), unit.slice(0, 1));
      const plaintext = cipher.decrypt(unit.slice(1));
      if (plaintext[0] !== type) continue;
      return plaintext.slice(4, 4 + (plaintext[1] << 16) + (plaintext[2] << 8) + plaintext[3]);
    }
  }

  async ask(body) {
    const filled = join(number(body.length, 4), body, new Uint8Array(PIECE - 4 - body.length));
    this.send(RPC, join(Uint8Array.of(REQUEST | LAST), number(0, 4), filled));
    const answer = await this.receive(RPC);
    if (answer[0] !== (RESPONSE | LAST)) throw new Error("not one whole response");
    const length = new DataView(answer.buffer, answer.byteOffset).getUint32(5);
    return answer.slice(9, 9 + length);
  }
}

async function run(query) {
  const socket = new WebSocket(query.get("url"));
  socket.binaryType = "arraybuffer";
  const stream = new Stream(socket);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("no WebSocket"));
  });
  const keys = await shakeHands(socket, stream, unhex(query.get("identity")), query.get("network"));
  const link = new Link(socket, stream, keys);
  link.send(HELLO, Uint8Array.of(0));
  link.send(PING, number(0x7a656e74, 4));
  const pong = hex(await link.receive(PONG));
  return { pong, answer: hex(await link.ask(unhex(query.get("request")))) };
}

window.outcome = null;
run(new URLSearchParams(location.search)).then(
  (found) => { window.outcome = found; },
  (error) => { window.outcome = { error: error.message }; },
);
