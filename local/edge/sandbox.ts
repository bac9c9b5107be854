import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import querystring from 'node:querystring'
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import vm from 'node:vm'

import { parse } from 'acorn'

import type { EdgeFields, EdgeRequest, EdgeResponse, ViewerRequestEvent } from '../../edge/event.ts'
import { missingMethods, runtimeGlobals, runtimeModules, runtimeStatics } from '../../edge/syntax-gate.ts'

/** Thrown when the function throws: CloudFront's `FunctionExecutionError`. */
export class FunctionExecutionError extends Error {
  override readonly name = 'FunctionExecutionError'
}

/** Thrown when the function returns neither a request nor a response: CloudFront's `FunctionValidationError`. */
export class FunctionValidationError extends Error {
  override readonly name = 'FunctionValidationError'
}

export interface SandboxOptions {
  /** the artefact's text: imports of built-in modules and a top-level `function handler(event)` */
  readonly code: string
  /** the function's KeyValueStore; read at every call, so the host may change it */
  readonly kvs?: ReadonlyMap<string, string>
  /** receives what the function writes with `console.log` */
  readonly log?: (message: string) => void
}

/**
 * Runs the function for one event. What a handler returns synchronously is returned synchronously; an async handler
 * gives a promise. Both are copies: no object of the sandbox leaves it.
 *
 * @throws {FunctionExecutionError}
 * @throws {FunctionValidationError}
 */
export type RunViewerRequest = (
  event: ViewerRequestEvent,
) => EdgeRequest | EdgeResponse | Promise<EdgeRequest | EdgeResponse>

/** What `sandbox-runtime.js` gives to the host. */
interface Runtime {
  load(wrapper: unknown): (event: ViewerRequestEvent) => unknown
  subscribe(promise: unknown, resolve: (value: unknown) => void, reject: (reason: unknown) => void): void
}

const runtimeSource = readFileSync(fileURLToPath(new URL('sandbox-runtime.js', import.meta.url)), 'utf8')
const digestAlgorithms = new Set(['md5', 'sha1', 'sha256'])

/**
 * Loads the artefact as CloudFront Functions 2.0 would: no code generation from strings, documented globals only, the
 * modules `cloudfront` (kvs), `crypto` (hashes), `querystring` and `buffer`.
 *
 * @throws {FunctionExecutionError} when loading the code fails
 */
export function loadViewerRequest(options: SandboxOptions): RunViewerRequest {
  const { code, kvs = new Map(), log = () => undefined } = options
  const context = vm.createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } })
  const install = vm.runInContext(`(${runtimeSource})`, context, { filename: 'sandbox-runtime.js' }) as (
    host: object,
    features: object,
  ) => Runtime
  const runtime = install(hostFunctions(kvs, log), {
    // Documented, but not for code that passes the gate.
    globals: [...runtimeGlobals, 'globalThis'],
    statics: runtimeStatics,
    missingMethods,
  })

  const run = execute(() =>
    runtime.load(vm.runInContext(wrap(code), context, { filename: 'viewer-request.js' })),
  )

  return (event) => {
    const result = execute(() => run(event))
    if (!types.isPromise(result)) return readResult(result)
    return new Promise((resolve, reject) => {
      const fail = (reason: unknown): void => reject(new FunctionExecutionError(messageOf(reason)))
      // A copy, since resolving with an object of the sandbox would call its `then`.
      const succeed = (value: unknown): void => {
        try {
          resolve(readResult(value))
        } catch (error) {
          reject(error as Error)
        }
      }
      execute(() => runtime.subscribe(result, succeed, fail))
    })
  }
}

/** Turns the module into a function that takes the built-in modules and returns the handler. */
function wrap(code: string): string {
  const { body } = parse(code, { ecmaVersion: 'latest', sourceType: 'module' })
  let script = ''
  let at = 0
  for (const node of body) {
    if (node.type !== 'ImportDeclaration') continue
    const module = node.source.value
    const local = node.specifiers[0]?.local.name
    if (local === undefined || !(runtimeModules as readonly unknown[]).includes(module)) {
      throw new FunctionExecutionError(`cannot load module ${String(module)}`)
    }
    script += `${code.slice(at, node.start)}const ${local} = $modules[${JSON.stringify(module)}];`
    at = node.end
  }
  script += code.slice(at)
  return `(function ($modules) { 'use strict'; ${script}\n;return handler })`
}

function hostFunctions(kvs: ReadonlyMap<string, string>, log: (message: string) => void): object {
  return {
    log,
    messageOf,
    isArray: Array.isArray,
    kvsGet(key: string): string {
      const value = kvs.get(key)
      if (value === undefined) throw new Error(`KeyNotFound: ${key}`)
      return value
    },
    kvsExists: (key: string) => kvs.has(key),
    assertDigest(algorithm: string): void {
      if (!digestAlgorithms.has(algorithm)) throw new Error(`not supported algorithm: ${algorithm}`)
    },
    digest(algorithm: string, key: string | null, data: string): string {
      const digest = key === null ? createHash(algorithm) : createHmac(algorithm, Buffer.from(key, 'latin1'))
      return digest.update(data, 'latin1').digest('binary')
    },
    encodeText: (latin1: string, encoding: string) =>
      Buffer.from(latin1, 'latin1').toString(asEncoding(encoding)),
    decodeText: (text: string, encoding: string) =>
      Buffer.from(text, asEncoding(encoding)).toString('latin1'),
    queryEscape: querystring.escape,
    queryUnescape: querystring.unescape,
    queryParse: (text: string, separator: string, equals: string) =>
      JSON.stringify(querystring.parse(text, separator, equals)),
  }
}

function asEncoding(encoding: string): BufferEncoding {
  if (Buffer.isEncoding(encoding)) return encoding
  throw new TypeError(`Unknown encoding: ${encoding}`)
}

function execute<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof FunctionExecutionError) throw error
    throw new FunctionExecutionError(messageOf(error))
  }
}

function messageOf(error: unknown): string {
  try {
    return String(error)
  } catch {
    return 'an error without a message'
  }
}

function readResult(result: unknown): EdgeRequest | EdgeResponse {
  if (!isRecord(result)) throw new FunctionValidationError('the function returned no object')
  return 'statusCode' in result ? readResponse(result) : readRequest(result)
}

function readRequest(result: Record<string, unknown>): EdgeRequest {
  const { method, uri } = result
  if (typeof method !== 'string') throw new FunctionValidationError('the request has no method')
  if (typeof uri !== 'string' || !uri.startsWith('/')) {
    throw new FunctionValidationError('the uri of the request must begin with a slash')
  }
  return {
    method,
    uri,
    querystring: readFields(result['querystring'], 'querystring'),
    headers: readFields(result['headers'], 'headers'),
    cookies: readFields(result['cookies'], 'cookies'),
  }
}

function readResponse(result: Record<string, unknown>): EdgeResponse {
  const { statusCode, statusDescription, body } = result
  if (
    typeof statusCode !== 'number' ||
    !Number.isInteger(statusCode) ||
    statusCode < 200 ||
    statusCode > 599
  ) {
    throw new FunctionValidationError(`the statusCode ${String(statusCode)} is none`)
  }
  const response: EdgeResponse = {
    statusCode,
    statusDescription: typeof statusDescription === 'string' ? statusDescription : '',
    headers: readFields(result['headers'], 'headers'),
  }
  const read = readBody(body)
  return read === undefined ? response : { ...response, body: read }
}

function readBody(body: unknown): EdgeResponse['body'] {
  if (body === undefined) return undefined
  if (typeof body === 'string') return { encoding: 'text', data: body }
  if (isRecord(body) && typeof body['data'] === 'string') {
    const { encoding, data } = body
    if (encoding === 'text' || encoding === 'base64') return { encoding, data }
  }
  throw new FunctionValidationError('the body must be text, or have an encoding (text, base64) and data')
}

function readFields(fields: unknown, what: string): EdgeFields {
  const copy = Object.create(null) as EdgeFields
  if (fields === undefined) return copy
  if (!isRecord(fields)) throw new FunctionValidationError(`${what} must be an object`)
  for (const name of Object.keys(fields)) {
    const field = fields[name]
    const value = isRecord(field) ? field['value'] : undefined
    if (!isRecord(field) || typeof value !== 'string') {
      throw new FunctionValidationError(`${what}.${name} must have a value that is a string`)
    }
    const multiValue = readMultiValue(field['multiValue'], `${what}.${name}`)
    copy[name] = multiValue === undefined ? { value } : { value, multiValue }
  }
  return copy
}

function readMultiValue(values: unknown, what: string): { value: string }[] | undefined {
  if (values === undefined) return undefined
  if (!Array.isArray(values)) throw new FunctionValidationError(`${what}.multiValue must be an array`)
  // Not `map`: it would be the sandbox's, and be given a function of the host.
  const copy: { value: string }[] = []
  for (let i = 0; i < values.length; i++) {
    const each: unknown = values[i]
    if (!isRecord(each) || typeof each['value'] !== 'string') {
      throw new FunctionValidationError(`${what}.multiValue must hold values that are strings`)
    }
    copy.push({ value: each['value'] })
  }
  return copy
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
