/*
 * Runs inside the sandbox, before the function: takes away what CloudFront Functions 2.0 lacks and provides what it has.
 * Nothing of the host may be reachable from the function, since a host object's constructor leads to the host. So host
 * functions are called from closures here, only strings and numbers cross, and host objects are copied.
 *
 * The file is one function; the host evaluates it as an expression, since a declaration would stay visible.
 */
// oxlint-disable-next-line no-unused-vars
function install(host, features) {
  'use strict'

  const global = globalThis
  const promiseThen = Promise.prototype.then
  const call = Function.prototype.call.bind(Function.prototype.call)
  const deleteProperty = Reflect.deleteProperty
  const NativeError = Error
  const NativeUint8Array = Uint8Array
  const parseJson = JSON.parse
  const define = Object.defineProperty
  const setPrototypeOf = Object.setPrototypeOf
  const fromCharCode = String.fromCharCode

  removeUnlisted()
  define(global, 'console', {
    value: { log: (message) => guard(() => host.log(String(message))) },
    writable: true,
    configurable: true,
  })

  const Buffer = createBuffer()
  const modules = {
    cloudfront: createCloudFront(),
    crypto: createCrypto(),
    querystring: createQuerystring(),
    buffer: { Buffer },
  }
  return { load, subscribe }

  function removeUnlisted() {
    for (const name of Object.getOwnPropertyNames(global)) {
      if (!features.globals.includes(name)) deleteProperty(global, name)
    }
    for (const owner of Object.keys(features.statics)) {
      const target = global[owner]
      if (target === undefined) continue
      for (const name of Object.getOwnPropertyNames(target)) {
        const kept = features.statics[owner].includes(name) || name === 'length' || name === 'name'
        if (!kept) deleteProperty(target, name)
      }
    }
    for (const owner of Object.keys(features.missingMethods)) {
      for (const name of features.missingMethods[owner]) deleteProperty(global[owner].prototype, name)
    }
  }

  /** Calls a host function; a host error becomes an error of this realm. */
  function guard(work) {
    let message
    try {
      return work()
    } catch (error) {
      message = host.messageOf(error)
    }
    throw new NativeError(message)
  }

  function load(wrapper) {
    const handler = wrapper(modules)
    return (hostEvent) => handler(copy(hostEvent))
  }

  function subscribe(promise, resolve, reject) {
    call(
      promiseThen,
      promise,
      (value) => resolve(value),
      (reason) => reject(reason),
    )
  }

  function copy(value) {
    if (typeof value !== 'object' || value === null) return value
    if (host.isArray(value)) {
      const list = []
      for (let i = 0; i < value.length; i++) list[i] = copy(value[i])
      return list
    }
    const object = {}
    for (const name in value) {
      // A plain assignment would set the prototype.
      if (name === '__proto__') {
        define(object, name, {
          value: copy(value[name]),
          enumerable: true,
          writable: true,
          configurable: true,
        })
      } else object[name] = copy(value[name])
    }
    return object
  }

  function createCloudFront() {
    const get = async (key, options) => {
      const value = guard(() => host.kvsGet(String(key)))
      const format = options === undefined || options === null ? 'string' : String(options.format)
      if (format === 'json') return parseJson(value)
      if (format === 'bytes') return Buffer.from(value)
      return value
    }
    const exists = async (key) => guard(() => host.kvsExists(String(key)))
    return { kvs: () => ({ get, exists }) }
  }

  function createCrypto() {
    return {
      createHash: (algorithm) => createDigest(String(algorithm), null),
      createHmac: (algorithm, key) => createDigest(String(algorithm), bytesOf(key)),
    }
  }

  function createDigest(algorithm, key) {
    guard(() => host.assertDigest(algorithm))
    let data = ''
    let done = false
    const digest = {
      update(chunk) {
        if (done) throw new NativeError('Digest already called')
        data += bytesOf(chunk)
        return digest
      },
      digest(encoding) {
        if (done) throw new NativeError('Digest already called')
        done = true
        const latin1 = guard(() => host.digest(algorithm, key, data))
        const buffer = Buffer.from(latin1, 'latin1')
        return encoding === undefined ? buffer : buffer.toString(encoding)
      },
    }
    return digest
  }

  function createQuerystring() {
    const escape = (text) => guard(() => host.queryEscape(String(text)))
    const unescape = (text) => guard(() => host.queryUnescape(String(text)))
    const parse = (text, separator, equals) =>
      parseJson(guard(() => host.queryParse(String(text), textOr(separator, '&'), textOr(equals, '='))))
    const stringify = (object, separator, equals) => {
      const parts = []
      for (const name in object) {
        const values = host.isArray(object[name]) ? object[name] : [object[name]]
        for (let i = 0; i < values.length; i++) {
          parts[parts.length] = escape(name) + textOr(equals, '=') + escape(scalar(values[i]))
        }
      }
      return parts.join(textOr(separator, '&'))
    }
    return { escape, unescape, parse, stringify, decode: parse, encode: stringify }
  }

  function textOr(value, otherwise) {
    return value === undefined || value === null ? otherwise : String(value)
  }

  function scalar(value) {
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : ''
  }

  /** Bytes cross to the host as a string with one character a byte. */
  function bytesOf(value) {
    if (typeof value === 'string') return guard(() => host.decodeText(value, 'utf8'))
    if (value instanceof NativeUint8Array) return latin1Of(value)
    throw new NativeError('expected a string or a buffer')
  }

  function latin1Of(bytes) {
    let text = ''
    for (let i = 0; i < bytes.length; i++) text += fromCharCode(bytes[i])
    return text
  }

  function createBuffer() {
    function BufferType() {
      throw new NativeError('use Buffer.from or Buffer.alloc')
    }
    const prototype = Object.create(NativeUint8Array.prototype)
    BufferType.prototype = prototype

    const wrap = (bytes) => setPrototypeOf(bytes, prototype)
    const fromLatin1 = (text) => {
      const bytes = new NativeUint8Array(text.length)
      for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
      return wrap(bytes)
    }
    const hidden = (name, value) => define(prototype, name, { value, writable: true, configurable: true })
    hidden('toString', function toText(encoding, start, end) {
      const text = latin1Of(this).slice(
        start === undefined ? 0 : start,
        end === undefined ? this.length : end,
      )
      return guard(() => host.encodeText(text, textOr(encoding, 'utf8')))
    })
    hidden('equals', function equals(other) {
      return latin1Of(this) === bytesOf(other)
    })
    hidden('slice', function slice(start, end) {
      return wrap(call(NativeUint8Array.prototype.subarray, this, start, end))
    })

    BufferType.from = (value, encoding) => {
      if (typeof value === 'string') {
        return fromLatin1(guard(() => host.decodeText(value, textOr(encoding, 'utf8'))))
      }
      return wrap(new NativeUint8Array(value))
    }
    BufferType.alloc = (size) => wrap(new NativeUint8Array(size))
    BufferType.isBuffer = (value) => typeof value === 'object' && value !== null && isBufferObject(value)
    BufferType.byteLength = (value) => bytesOf(value).length
    BufferType.compare = (a, b) => {
      const left = bytesOf(a)
      const right = bytesOf(b)
      if (left === right) return 0
      return left < right ? -1 : 1
    }
    BufferType.concat = (list) => {
      let text = ''
      for (let i = 0; i < list.length; i++) text += bytesOf(list[i])
      return fromLatin1(text)
    }
    return BufferType

    function isBufferObject(value) {
      return Object.getPrototypeOf(value) === prototype
    }
  }
}
