import { parse } from 'acorn'
import type { AnyNode, Identifier, ImportDeclaration, MemberExpression, Node, Program } from 'acorn'

/** The modules that CloudFront Functions 2.0 has built in ("JavaScript runtime 2.0 features", Built-in modules). */
export const runtimeModules = ['cloudfront', 'crypto', 'querystring', 'buffer'] as const

/** Thrown when code uses something that CloudFront Functions 2.0 does not run. `line` counts from 1. */
export class SyntaxGateError extends Error {
  readonly construct: string
  readonly line: number
  readonly excerpt: string

  constructor(construct: string, line: number, excerpt: string) {
    super(`CloudFront Functions 2.0 does not run ${construct} (line ${line}): ${excerpt}`)
    this.name = 'SyntaxGateError'
    this.construct = construct
    this.line = line
    this.excerpt = excerpt
  }
}

// Anything that is not in this list is refused, so that a construct nobody thought of can't slip through.
const allowedNodes = new Set<string>([
  'Program',
  'EmptyStatement',
  'BlockStatement',
  'ExpressionStatement',
  'IfStatement',
  'ForStatement',
  'ForInStatement',
  'WhileStatement',
  'DoWhileStatement',
  'BreakStatement',
  'ContinueStatement',
  'ReturnStatement',
  'ThrowStatement',
  'TryStatement',
  'CatchClause',
  'SwitchStatement',
  'SwitchCase',
  'LabeledStatement',
  'VariableDeclaration',
  'VariableDeclarator',
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'RestElement',
  'Identifier',
  'Literal',
  'TemplateLiteral',
  'TemplateElement',
  'ThisExpression',
  'ArrayExpression',
  'ObjectExpression',
  'Property',
  'UnaryExpression',
  'UpdateExpression',
  'BinaryExpression',
  'LogicalExpression',
  'AssignmentExpression',
  'ConditionalExpression',
  'SequenceExpression',
  'CallExpression',
  'NewExpression',
  'MemberExpression',
  'AwaitExpression',
  'ImportDeclaration',
  'ImportDefaultSpecifier',
])

const nodeNames: Record<string, string> = {
  ArrayPattern: 'destructuring (an array pattern)',
  ObjectPattern: 'destructuring (an object pattern)',
  AssignmentPattern: 'a default value in a parameter or pattern',
  SpreadElement: 'spread (...)',
  ForOfStatement: 'for-of',
  ClassDeclaration: 'class',
  ClassExpression: 'class',
  ChainExpression: 'optional chaining (?.)',
  YieldExpression: 'a generator (yield)',
  TaggedTemplateExpression: 'a tagged template',
  ImportExpression: 'dynamic import()',
  ImportSpecifier: 'a named import; use the default import',
  ImportNamespaceSpecifier: 'a namespace import; use the default import',
  MetaProperty: 'import.meta or new.target',
  WithStatement: 'with',
  DebuggerStatement: 'debugger',
  ExportNamedDeclaration: 'export',
  ExportDefaultDeclaration: 'export default',
  ExportAllDeclaration: 'export *',
}

const es5LogicalOperators = new Set(['&&', '||'])
const es7AssignmentOperators = new Set([
  '=',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '**=',
  '<<=',
  '>>=',
  '>>>=',
  '&=',
  '^=',
  '|=',
])

const errorTypes = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
]
const binaryTypes = [
  'ArrayBuffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
]

/** Globals that may follow `new`. `Promise` is not among them: the runtime documents its methods only. */
const constructibleGlobals = new Set([
  'Object',
  'Array',
  'String',
  'Number',
  'Boolean',
  'Date',
  'RegExp',
  'TextEncoder',
  'TextDecoder',
  ...errorTypes,
  ...binaryTypes,
])

/**
 * Globals that the runtime documents ("JavaScript runtime 2.0 features": primitive objects, built-in objects, error
 * types, globals). `globalThis` and `Function` are documented but left out: what is reached through them can't be
 * checked here.
 */
export const runtimeGlobals: ReadonlySet<string> = new Set([
  ...constructibleGlobals,
  'Symbol',
  'Math',
  'JSON',
  'Promise',
  'console',
  'arguments',
  'undefined',
  'NaN',
  'Infinity',
  'isFinite',
  'isNaN',
  'parseFloat',
  'parseInt',
  'decodeURI',
  'decodeURIComponent',
  'encodeURI',
  'encodeURIComponent',
])

/** Static members that the runtime documents, for the globals where later editions of ECMAScript have more. */
export const runtimeStatics: Readonly<Record<string, readonly string[]>> = {
  Object: [
    'create',
    'defineProperties',
    'defineProperty',
    'freeze',
    'getOwnPropertyDescriptor',
    'getOwnPropertyDescriptors',
    'getOwnPropertyNames',
    'getPrototypeOf',
    'setPrototypeOf',
    'is',
    'isExtensible',
    'isFrozen',
    'isSealed',
    'keys',
    'preventExtensions',
    'seal',
    'assign',
    'entries',
    'values',
    'prototype',
  ],
  Array: ['isArray', 'of', 'prototype'],
  String: ['fromCharCode', 'fromCodePoint', 'prototype'],
  Promise: ['all', 'allSettled', 'any', 'race', 'reject', 'resolve'],
  Symbol: ['for', 'keyFor'],
  console: ['log'],
}

/** Methods of later editions that the runtime lacks; each name has one meaning, whatever the receiver. */
export const missingMethods: Readonly<Record<'Array' | 'String', readonly string[]>> = {
  Array: [
    'at',
    'flat',
    'flatMap',
    'findLast',
    'findLastIndex',
    'toSorted',
    'toReversed',
    'toSpliced',
    'with',
  ],
  String: ['at', 'matchAll', 'normalize', 'localeCompare', 'isWellFormed', 'toWellFormed'],
}
const missingMethodNames = new Set([...missingMethods.Array, ...missingMethods.String])

type Refuse = (node: Node, construct: string) => never

/**
 * Throws unless CloudFront Functions 2.0 runs the code: an allow-list over syntax, then one over globals.
 *
 * Source of the rules: "JavaScript runtime 2.0 features for CloudFront Functions" and "Use async and await" in the
 * CloudFront Developer Guide. Where the guide is silent, the construct is refused.
 *
 * @param code the artefact: a module with imports and a top-level `function handler(event)`, without export
 * @throws {SyntaxGateError} names the construct, its line (from 1) and an excerpt
 */
export function assertRuntimeSyntax(code: string): void {
  const program = parseModule(code)
  const refuse: Refuse = (node, construct) => {
    throw new SyntaxGateError(construct, lineOf(code, node.start), excerptOf(code, node))
  }

  checkSyntax(program, refuse)
  checkGlobals(program, refuse)
  checkHandler(program, refuse)
}

function parseModule(code: string): Program {
  try {
    // The newest edition, so that a later construct is refused by its name and not as an unexpected token.
    return parse(code, { ecmaVersion: 'latest', sourceType: 'module' })
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const position = 'pos' in error && typeof error.pos === 'number' ? error.pos : 0
    throw new SyntaxGateError(
      `what does not parse: ${error.message}`,
      lineOf(code, position),
      excerptOf(code, { start: position, end: position + 60 }),
    )
  }
}

function lineOf(code: string, offset: number): number {
  return code.slice(0, offset).split('\n').length
}

function excerptOf(code: string, node: { start: number; end: number }): string {
  const text = code.slice(node.start, Math.min(node.end, node.start + 80))
  return text.replaceAll(/\s+/g, ' ') + (node.end > node.start + 80 ? '…' : '')
}

interface Position {
  readonly parent: AnyNode | null
  readonly inAsync: boolean
  readonly inArguments: boolean
}

function checkSyntax(program: Program, refuse: Refuse): void {
  visit(program as AnyNode, { parent: null, inAsync: false, inArguments: false })

  function visit(node: AnyNode, position: Position): void {
    if (!allowedNodes.has(node.type)) refuse(node, nodeNames[node.type] ?? node.type)
    checkNode(node, position, refuse)

    const inner: Position = isFunction(node)
      ? { parent: node, inAsync: node.async, inArguments: false }
      : { ...position, parent: node }
    for (const child of children(node)) {
      const isArgument =
        (node.type === 'CallExpression' || node.type === 'NewExpression') &&
        (node.arguments as Node[]).includes(child)
      visit(child, isArgument ? { ...inner, inArguments: true } : inner)
    }
  }
}

function checkNode(node: AnyNode, position: Position, refuse: Refuse): void {
  switch (node.type) {
    case 'VariableDeclaration':
      if (node.kind !== 'var' && node.kind !== 'let' && node.kind !== 'const') refuse(node, node.kind)
      break
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      if (node.generator) refuse(node, 'a generator (function*)')
      // "async arguments and closures are not supported" ("Use async and await")
      if (
        node.async &&
        (node.type !== 'FunctionDeclaration' || (position.parent as AnyNode | null)?.type !== 'Program')
      ) {
        refuse(node, 'an async closure; declare the async function at the top level')
      }
      break
    case 'AwaitExpression':
      if (!position.inAsync) refuse(node, 'await outside an async function')
      if (position.inArguments) refuse(node, 'await inside call arguments; await into a variable first')
      break
    case 'CatchClause':
      if (!node.param) refuse(node, 'catch without a binding')
      break
    case 'CallExpression':
      checkCall(node.callee as AnyNode, refuse)
      break
    case 'MemberExpression':
      checkMember(node, refuse)
      break
    case 'LogicalExpression':
      if (!es5LogicalOperators.has(node.operator)) refuse(node, `the operator ${node.operator}`)
      break
    case 'AssignmentExpression':
      if (!es7AssignmentOperators.has(node.operator)) refuse(node, `the operator ${node.operator}`)
      break
    case 'Property':
      if (node.kind !== 'init') refuse(node, `a ${node.kind === 'get' ? 'getter' : 'setter'}`)
      if (node.method) refuse(node, 'a method in an object literal; use a function property')
      if (node.shorthand) refuse(node, 'a shorthand property')
      if (node.computed) refuse(node, 'a computed property name')
      break
    case 'Literal':
      if (node.bigint) refuse(node, 'a BigInt')
      if (node.regex) checkRegex(node, node.regex, refuse)
      break
    case 'ImportDeclaration':
      checkImport(node, refuse)
      break
    default:
  }
}

function checkCall(callee: AnyNode, refuse: Refuse): void {
  if (callee.type !== 'MemberExpression') return
  const name = memberName(callee)
  if (name !== null && missingMethodNames.has(name)) refuse(callee, `the method ${name}()`)
}

function checkMember(node: MemberExpression, refuse: Refuse): void {
  // Function constructors are restricted, and every function and object leads to one.
  if (memberName(node) === 'constructor') refuse(node, 'access to a constructor property')
}

function memberName(node: MemberExpression): string | null {
  if (!node.computed) return node.property.type === 'Identifier' ? node.property.name : null
  return node.property.type === 'Literal' && typeof node.property.value === 'string'
    ? node.property.value
    : null
}

function checkRegex(node: Node, regex: { pattern: string; flags: string }, refuse: Refuse): void {
  const flag = /[^gimy]/.exec(regex.flags)
  if (flag) refuse(node, `the regular expression flag ${flag[0]}`)
  // It runs, but not as here: njs's engine, PCRE, folds beyond ASCII, so that [a-z] has U+212A (k) and U+017F (s) in it.
  if (regex.flags.includes('i'))
    refuse(node, 'the regular expression flag i as Node does; write out both cases')
  if (/\(\?<[=!]/.test(regex.pattern)) refuse(node, 'a lookbehind assertion')
}

function checkImport(node: ImportDeclaration, refuse: Refuse): void {
  const module = node.source.value
  if (!(runtimeModules as readonly unknown[]).includes(module)) refuse(node, `the module "${String(module)}"`)
  if (node.specifiers.length === 0) refuse(node, 'an import for its side effect')
  // Import attributes are newer than every edition that the runtime knows.
  if (node.attributes.length > 0) refuse(node, 'import attributes')
}

function checkHandler(program: Program, refuse: Refuse): void {
  const handler = program.body.find(
    (node) => node.type === 'FunctionDeclaration' && node.id.name === 'handler',
  )
  if (!handler) refuse(program, 'code without a top-level function handler(event)')
}

interface Scope {
  readonly names: Set<string>
  readonly parent: Scope | null
  readonly isFunction: boolean
}

function checkGlobals(program: Program, refuse: Refuse): void {
  const root: Scope = { names: new Set(), parent: null, isFunction: true }
  declareHoisted(program as AnyNode, root)
  visit(program as AnyNode, root, null)

  function visit(node: AnyNode, outer: Scope, parent: AnyNode | null): void {
    const scope = node === program ? outer : enter(node, outer)
    if (node.type === 'Identifier' && isReference(node, parent)) checkReference(node, scope, parent)
    for (const child of children(node)) visit(child, scope, node)
  }

  function checkReference(node: Identifier, scope: Scope, parent: AnyNode | null): void {
    if (isDeclared(node.name, scope)) return
    if (!runtimeGlobals.has(node.name)) refuse(node, `the global ${node.name}`)
    if (parent?.type === 'NewExpression' && parent.callee === node && !constructibleGlobals.has(node.name)) {
      refuse(parent, `new ${node.name}`)
    }
    const members = runtimeStatics[node.name]
    if (members === undefined || parent?.type !== 'MemberExpression' || parent.object !== node) return
    const member = memberName(parent)
    if (member === null || !members.includes(member)) {
      refuse(parent, `${node.name}.${member ?? 'with a computed name'}`)
    }
  }
}

function enter(node: AnyNode, outer: Scope): Scope {
  if (isFunction(node)) {
    const scope: Scope = { names: new Set(['arguments']), parent: outer, isFunction: true }
    if (node.type === 'FunctionExpression' && node.id) scope.names.add(node.id.name)
    for (const parameter of node.params) declarePattern(parameter as AnyNode, scope)
    declareHoisted(node.body as AnyNode, scope)
    return scope
  }
  switch (node.type) {
    case 'BlockStatement':
    case 'SwitchStatement':
    case 'ForStatement':
    case 'ForInStatement':
    case 'CatchClause': {
      const scope: Scope = { names: new Set(), parent: outer, isFunction: false }
      if (node.type === 'CatchClause' && node.param) declarePattern(node.param as AnyNode, scope)
      for (const child of node.type === 'SwitchStatement' ? node.cases : [node]) {
        declareLexical(child as AnyNode, scope)
      }
      return scope
    }
    default:
      return outer
  }
}

/** Declares what is visible in the whole function: `var`, functions, imports and the body's own let and const. */
function declareHoisted(body: AnyNode, scope: Scope): void {
  declareLexical(body, scope)
  declareVars(body)

  function declareVars(node: AnyNode): void {
    if (node.type === 'VariableDeclaration' && node.kind === 'var') {
      for (const declarator of node.declarations) declarePattern(declarator.id as AnyNode, scope)
    }
    for (const child of children(node)) if (!isFunction(child)) declareVars(child)
  }
}

function declareLexical(node: AnyNode, scope: Scope): void {
  for (const child of children(node)) {
    if (child.type === 'VariableDeclaration') {
      for (const declarator of child.declarations) declarePattern(declarator.id as AnyNode, scope)
    } else if (child.type === 'FunctionDeclaration' && child.id) {
      scope.names.add(child.id.name)
    } else if (child.type === 'ImportDeclaration') {
      for (const specifier of child.specifiers) scope.names.add(specifier.local.name)
    }
  }
}

function declarePattern(node: AnyNode, scope: Scope): void {
  if (node.type === 'Identifier') scope.names.add(node.name)
  else if (node.type === 'RestElement') declarePattern(node.argument as AnyNode, scope)
}

function isDeclared(name: string, scope: Scope): boolean {
  for (let at: Scope | null = scope; at !== null; at = at.parent) if (at.names.has(name)) return true
  return false
}

function isReference(node: Identifier, parent: AnyNode | null): boolean {
  switch (parent?.type) {
    case 'MemberExpression':
      return parent.object === node || parent.computed
    case 'Property':
      return parent.value === node
    case 'LabeledStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
    case 'ImportDefaultSpecifier':
      return false
    default:
      return true
  }
}

function isFunction(
  node: AnyNode,
): node is Extract<
  AnyNode,
  { type: 'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression' }
> {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression'
  )
}

function children(node: AnyNode): AnyNode[] {
  return Object.values(node).flat().filter(isNode)
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}
