import { describe, expect, it } from 'vitest'

import { assertRuntimeSyntax, SyntaxGateError } from './syntax-gate.ts'

const handler = 'function handler(event) { return event.request }'

function refusal(statement: string): SyntaxGateError {
  try {
    assertRuntimeSyntax(`${handler}\n${statement}`)
  } catch (error) {
    if (error instanceof SyntaxGateError) return error
    throw error
  }
  throw new Error(`not refused: ${statement}`)
}

describe('assertRuntimeSyntax', () => {
  it.each([
    ['var, let, const', 'var a = 1; let b = 2; const c = a + b;'],
    ['arrow functions', 'const f = (a) => a; const g = (a) => { return f(a) };'],
    ['template literals, nested', 'const f = (a) => `x${`y${a}`}z`;'],
    ['async functions', 'async function f(p) { const v = await p; return v }'],
    ['rest parameters', 'function f(a, ...rest) { return rest[0] }'],
    ['the exponent operator', 'let a = 2 ** 3; a **= 2;'],
    ['named capture groups', 'const m = /^(?<id>[a-z]+)$/m.exec("x");'],
    ['numeric separators', 'const bytes = 10_240;'],
    [
      'for, for-in, while, do-while, labels',
      'a: for (let i = 0; i < 2; i++) { for (const k in {}) { continue a } } while (false) {} do {} while (false)',
    ],
    ['switch and throw', 'switch (1) { case 1: let x = 1; throw new Error("x" + x); default: break }'],
    ['try, catch, finally', 'try { JSON.parse("{") } catch (e) { Math.abs(e) } finally { isNaN(1) }'],
    [
      'imports of the built-in modules',
      'import cf from "cloudfront"; import crypto from "crypto"; import qs from "querystring"; import buffer from "buffer"; cf.kvs(); crypto.createHash("md5"); qs.parse(""); buffer.Buffer.from("")',
    ],
    [
      'documented statics',
      'Object.assign({}, Object.entries({})); Array.isArray([]); Promise.resolve(1); String.fromCodePoint(65)',
    ],
    ['documented constructors', 'new Date(); new RegExp("a"); new Uint8Array(2); new TextEncoder()'],
    ['arguments', 'function f() { return arguments.length }'],
    [
      'a local that has the name of an absent global',
      'function f(fetch) { const Map = 1; return fetch(Map) }',
    ],
    ['a function before its declaration', 'f(); function f() { return g(); var g }'],
    [
      'methods that share names with nothing missing',
      '"a".padStart(2).replaceAll("a", "b"); [1].find(Boolean); [1].includes(1)',
    ],
    [
      'await in a nested async function that is not an argument',
      'async function f(p) { const a = await p; return f(a) }',
    ],
  ])('passes %s', (_, statement) => {
    expect(() => assertRuntimeSyntax(`${statement}\n${handler}`)).not.toThrow()
  })

  it.each([
    ['const { a } = {};', /destructuring/],
    ['const [a] = [];', /destructuring/],
    ['function f({ a }) {}', /destructuring/],
    ['let a; [a] = [1];', /destructuring/],
    ['function f(a = 1) {}', /default value/],
    ['const a = [...[1]];', /spread/],
    ['const a = { ...{} };', /spread/],
    ['Math.max(...[1]);', /spread/],
    ['new Date(...[1]);', /spread/],
    ['for (const a of []) {}', /for-of/],
    ['class A {}', /class/],
    ['const A = class {};', /class/],
    ['const a = {}?.b;', /optional chaining/],
    ['const a = null ?? 1;', /operator \?\?/],
    ['let a; a ??= 1;', /operator \?\?=/],
    ['let a; a ||= 1;', /operator \|\|=/],
    ['function* f() { yield 1 }', /generator/],
    ['async function* f() {}', /generator/],
    ['const f = async () => 1;', /async closure/],
    ['const f = async function () {};', /async closure/],
    ['function f() { async function g() {} }', /async closure/],
    ['async function f(p) { return f(await p) }', /await inside call arguments/],
    ['async function f(p) { return f([1, await p]) }', /await inside call arguments/],
    ['async function f(p) { return new Date(await p) }', /await inside call arguments/],
    ['await 1;', /await outside an async function/],
    ['try {} catch {}', /catch without a binding/],
    ['const a = 10n;', /BigInt/],
    ['const a = /[a-z]/i;', /flag i as Node does/],
    ['const a = /a/s;', /flag s/],
    ['const a = /a/u;', /flag u/],
    ['const a = /(?<=a)b/;', /lookbehind/],
    ['const a = /(?<!a)b/;', /lookbehind/],
    ['const a = { get b() { return 1 } };', /getter/],
    ['const a = { set b(v) {} };', /setter/],
    ['const a = { b() {} };', /method in an object/],
    ['const b = 1; const a = { b };', /shorthand/],
    ['const a = { ["b"]: 1 };', /computed property/],
    ['const a = String.raw`x`;', /tagged template/],
    ['function f() { return new.target }', /new\.target/],
    ['const a = import.meta;', /import\.meta/],
    ['const a = import("crypto");', /dynamic import/],
    ['import fs from "fs";', /module "fs"/],
    ['import { createHash } from "crypto";', /named import/],
    ['import * as crypto from "crypto";', /namespace import/],
    ['import "crypto";', /side effect/],
    ['export { handler };', /export/],
    ['debugger;', /debugger/],
    ['const a = [].constructor;', /constructor/],
    ['const a = handler["constructor"]("return 1");', /constructor/],
    ['const a = [].flat();', /flat\(\)/],
    ['const a = [1].at(-1);', /at\(\)/],
    ['const a = "a".matchAll(/a/g);', /matchAll\(\)/],
    ['const a = Array.from([1]);', /Array\.from/],
    ['const a = Object.fromEntries([]);', /Object\.fromEntries/],
    ['const a = Object["fromEntries"]([]);', /Object\.fromEntries/],
    ['const a = console.error(1);', /console\.error/],
    ['const a = (;', /does not parse/],
  ])('refuses %s', (statement, construct) => {
    expect(refusal(statement).construct).toMatch(construct)
  })

  it.each(
    'Map Set WeakMap WeakSet Proxy Reflect BigInt Intl WebAssembly Function eval setTimeout setInterval setImmediate queueMicrotask fetch URL URLSearchParams structuredClone process require module exports Buffer globalThis window self crypto atob btoa AbortController Response Request Headers'.split(
      ' ',
    ),
  )('refuses the global %s', (name) => {
    expect(refusal(`const a = () => ${name};`).construct).toBe(`the global ${name}`)
  })

  it('refuses new Map, new Set and new Promise', () => {
    expect(refusal('const a = new Map();').construct).toBe('the global Map')
    expect(refusal('const a = new Set();').construct).toBe('the global Set')
    expect(refusal('const a = new Promise(() => 1);').construct).toBe('new Promise')
  })

  it('refuses a name that is declared in another scope only', () => {
    expect(refusal('{ const inner = 1 } const a = inner;').construct).toBe('the global inner')
    expect(refusal('function f(p) {} const a = p;').construct).toBe('the global p')
  })

  it('refuses code without a top-level handler', () => {
    expect(() => assertRuntimeSyntax('var handler = () => 1')).toThrow(/without a top-level function handler/)
  })

  it('names the construct, the line and an excerpt', () => {
    const error = refusal('const a = 1;\nconst b = [...[a]];')
    expect(error).toMatchObject({ construct: 'spread (...)', line: 3, excerpt: '...[a]' })
    expect(error.message).toBe('CloudFront Functions 2.0 does not run spread (...) (line 3): ...[a]')
  })
})
