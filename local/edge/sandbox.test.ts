import { createHmac, createHash } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import type { EdgeRequest, EdgeResponse, ViewerRequestEvent } from '../../edge/event.ts'
import { FunctionExecutionError, FunctionValidationError, loadViewerRequest } from './sandbox.ts'

function event(request: Partial<EdgeRequest> = {}): ViewerRequestEvent {
  return {
    version: '1.0',
    context: { requestId: 'id' },
    viewer: { ip: '127.0.0.1' },
    request: { method: 'GET', uri: '/', querystring: {}, headers: {}, cookies: {}, ...request },
  }
}

/** Runs an expression inside the sandbox and gives what it evaluates to as text. */
async function evaluate(expression: string, kvs?: Map<string, string>): Promise<string> {
  const code = `import cf from"cloudfront";import crypto from"crypto";import qs from"querystring";import buffer from"buffer";
    async function value(event) { return ${expression} }
    async function handler(event) { const v = await value(event); return { statusCode: 200, body: String(v) } }`
  const run = loadViewerRequest({ code, ...(kvs && { kvs }) })
  return ((await run(event({ headers: { accept: { value: 'image/webp' } } }))) as EdgeResponse).body!.data
}

describe('loadViewerRequest', () => {
  it('returns a request at once when the handler is synchronous', () => {
    const run = loadViewerRequest({
      code: 'function handler(event) { event.request.uri = "/v" + event.request.uri; return event.request }',
    })
    expect(run(event({ uri: '/%2e%2e/a' }))).toMatchObject({ method: 'GET', uri: '/v/%2e%2e/a' })
  })

  it('returns a promise of this realm when the handler is async', async () => {
    const run = loadViewerRequest({ code: 'async function handler(event) { return event.request }' })
    const result = run(event({ uri: '/a' }))
    expect(result).toBeInstanceOf(Promise)
    expect(await result).toMatchObject({ uri: '/a' })
  })

  it('gives copies of plain objects, and leaves the event alone', () => {
    const run = loadViewerRequest({
      code: 'function handler(event) { event.request.headers.a.value = "changed"; return event.request }',
    })
    const given = event({ headers: { a: { value: 'given', multiValue: [{ value: 'x' }, { value: 'y' }] } } })
    const result = run(given) as EdgeRequest
    expect(given.request.headers['a']!.value).toBe('given')
    expect(result.headers['a']).toEqual({ value: 'changed', multiValue: [{ value: 'x' }, { value: 'y' }] })
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
    expect(Array.isArray(result.headers['a']!.multiValue)).toBe(true)
    expect(result.headers['a']!.multiValue).toBeInstanceOf(Array)
  })

  it('treats __proto__ as a name like any other', () => {
    const querystring = Object.create(null) as EdgeRequest['querystring']
    querystring['__proto__'] = { value: 'polluted' }
    const run = loadViewerRequest({
      code: `function handler(event) {
        var names = []; for (var name in event.request.querystring) names.push(name)
        return { statusCode: 200, body: names.join() + String({}.value) } }`,
    })
    expect(run(event({ querystring }))).toMatchObject({ body: { data: '__proto__undefined' } })
  })

  it('reads the KeyValueStore, also what the host changes later', async () => {
    const kvs = new Map([['key', '{"a":1}']])
    expect(await evaluate('await cf.kvs().get("key")', kvs)).toBe('{"a":1}')
    expect(await evaluate('(await cf.kvs().get("key", { format: "json" })).a', kvs)).toBe('1')
    expect(await evaluate('(await cf.kvs().get("key", { format: "bytes" })).length', kvs)).toBe('7')
    expect(await evaluate('await cf.kvs().exists("other")', kvs)).toBe('false')
    await expect(evaluate('await cf.kvs().get("other")', kvs)).rejects.toThrow(/KeyNotFound: other/)

    const run = loadViewerRequest({
      code: `import cf from"cloudfront";const kvs=cf.kvs();
        async function handler() { const v = await kvs.get("late"); return { statusCode: 200, body: v } }`,
      kvs,
    })
    kvs.set('late', 'there')
    expect(await run(event())).toMatchObject({ body: { data: 'there' } })
  })

  it('provides crypto, querystring and buffer', async () => {
    const hmac = createHmac('sha256', 'é').update('ab').digest('base64url')
    expect(
      await evaluate('crypto.createHmac("sha256", "é").update("a").update("b").digest("base64url")'),
    ).toBe(hmac)
    const md5 = createHash('md5').update('a').digest('hex')
    expect(await evaluate('crypto.createHash("md5").update("a").digest().toString("hex")')).toBe(md5)
    await expect(evaluate('crypto.createHash("sha512")')).rejects.toThrow(/not supported algorithm/)

    expect(await evaluate('JSON.stringify(qs.parse("a=1&b=%20&b=2"))')).toBe('{"a":"1","b":[" ","2"]}')
    expect(await evaluate('qs.stringify({ a: "x y", b: [1, 2] })')).toBe('a=x%20y&b=1&b=2')
    expect(await evaluate('buffer.Buffer.from("é").toString("hex")')).toBe('c3a9')
    expect(await evaluate('buffer.Buffer.from("c3a9", "hex").toString()')).toBe('é')
    expect(
      await evaluate('buffer.Buffer.concat([buffer.Buffer.from("a"), buffer.Buffer.alloc(1)]).length'),
    ).toBe('2')
    expect(await evaluate('buffer.Buffer.from("abc").equals(buffer.Buffer.from("abc"))')).toBe('true')
    expect(await evaluate('buffer.Buffer.from("abc").slice(1).toString()')).toBe('bc')
    expect(await evaluate('buffer.Buffer.isBuffer(buffer.Buffer.from([1]))')).toBe('true')
  })

  it('passes on what the function logs', () => {
    const lines: string[] = []
    const run = loadViewerRequest({
      code: 'function handler(event) { console.log("saw " + event.request.uri); return event.request }',
      log: (line) => lines.push(line),
    })
    void run(event({ uri: '/a' }))
    expect(lines).toEqual(['saw /a'])
  })

  it('calls what the handler throws an execution error', async () => {
    const thrown = loadViewerRequest({ code: 'function handler() { throw new TypeError("broken") }' })
    expect(() => thrown(event())).toThrow(FunctionExecutionError)
    expect(() => thrown(event())).toThrow(/TypeError: broken/)
    const rejected = loadViewerRequest({ code: 'async function handler() { return absent }' })
    await expect(rejected(event())).rejects.toThrow(FunctionExecutionError)
    const hostile = loadViewerRequest({
      code: 'function handler() { throw { toString: function () { throw 1 } } }',
    })
    expect(() => hostile(event())).toThrow(/an error without a message/)
    expect(() => loadViewerRequest({ code: 'import fs from"fs";function handler() {}' })).toThrow(/fs/)
    expect(() => loadViewerRequest({ code: 'function other() {}' })).toThrow(FunctionExecutionError)
  })

  it.each([
    ['nothing', 'undefined'],
    ['null', 'null'],
    ['text', '"/"'],
    ['a request without uri', '{ method: "GET" }'],
    ['a uri without a slash', '{ method: "GET", uri: "a" }'],
    ['a status that is none', '{ statusCode: 99 }'],
    ['a status that is text', '{ statusCode: "200" }'],
    ['a header without value', '{ statusCode: 200, headers: { a: "b" } }'],
    ['a header with a number', '{ statusCode: 200, headers: { a: { value: 1 } } }'],
    ['a body in another encoding', '{ statusCode: 200, body: { encoding: "hex", data: "" } }'],
  ])('calls %s a validation error', async (_, result) => {
    const run = loadViewerRequest({ code: `function handler() { return ${result} }` })
    expect(() => run(event())).toThrow(FunctionValidationError)
    const later = loadViewerRequest({ code: `async function handler() { return ${result} }` })
    await expect(later(event())).rejects.toThrow(FunctionValidationError)
  })
})

describe('the sandbox', () => {
  it.each(
    'Map Set WeakMap WeakSet WeakRef Proxy Reflect BigInt Intl WebAssembly SharedArrayBuffer Atomics Function eval escape unescape process require module setTimeout setInterval setImmediate queueMicrotask fetch URL structuredClone Buffer global install host features'.split(
      ' ',
    ),
  )('has no %s', async (name) => {
    expect(await evaluate(`typeof ${name}`)).toBe('undefined')
  })

  it.each([
    'Array.from',
    'Object.fromEntries',
    'Object.groupBy',
    'Promise.withResolvers',
    '[].flat',
    '[].at',
    '"".matchAll',
    '"".at',
    'console.error',
  ])('has no %s', async (member) => {
    expect(await evaluate(`typeof ${member}`)).toBe('undefined')
  })

  it('has what the runtime documents', async () => {
    for (const name of [
      'Object',
      'Array',
      'JSON',
      'Math',
      'Date',
      'RegExp',
      'Promise',
      'Uint8Array',
      'Symbol',
    ]) {
      expect(await evaluate(`typeof ${name}`), name).not.toBe('undefined')
    }
    expect(await evaluate('typeof "".padStart + typeof "".replaceAll + typeof Object.entries')).toBe(
      'functionfunctionfunction',
    )
  })

  it.each([
    ['a function', '(function () {}).constructor("return 1")()'],
    ['the event', 'event.constructor.constructor("return process")()'],
    ['a header', 'event.request.headers.accept.constructor.constructor("return process")()'],
    ['the KeyValueStore', 'cf.kvs().get.constructor("return process")()'],
    ['a module', 'crypto.createHash.constructor("return process")()'],
    ['a digest', 'crypto.createHash("md5").update("a").digest().constructor.constructor("return process")()'],
    ['a parsed query', 'qs.parse("a=1").constructor.constructor("return process")()'],
    ['the log', 'console.log.constructor("return process")()'],
    ['an async function', '(async function () {}).constructor("return process")()'],
  ])('runs no code from a string through %s', async (_, expression) => {
    await expect(evaluate(expression)).rejects.toThrow(/Code generation from strings disallowed/)
  })

  it('gives no error of the host to the function', async () => {
    for (const expression of ['cf.kvs().get("absent")', 'buffer.Buffer.from("a", "no such encoding")']) {
      expect(
        await evaluate(
          `await (async function () { try { await ${expression} } catch (e) { return e.constructor === Error } })()`,
        ),
        expression,
      ).toBe('true')
    }
  })

  it('gives no function of the host to overridden methods', async () => {
    const overrides = `var stolen = 'nothing'
      Promise.prototype.then = function (resolve) { stolen = String(resolve); return this }
      Array.prototype.map = function (step) { stolen = String(step); return [] }
      Object.defineProperty(Promise, Symbol.hasInstance, { value: function () { return true } })`
    const response =
      "{ statusCode: 200, body: stolen, headers: { a: { value: '', multiValue: [{ value: '' }] } } }"
    const run = loadViewerRequest({ code: `${overrides}; function handler() { return ${response} }` })
    const later = loadViewerRequest({ code: `${overrides}; async function handler() { return ${response} }` })
    for (let i = 0; i < 2; i++) {
      expect(await run(event())).toMatchObject({ body: { data: 'nothing' } })
      expect(await later(event())).toMatchObject({ body: { data: 'nothing' } })
    }
  })
})
