import { S3Error } from './errors.ts'
import type { S3Response } from './s3-response.ts'
import type { S3Request } from './s3-request.ts'
import { childElements, childText, childTexts, parseXml } from './xml.ts'

export interface CorsRule {
  readonly allowedOrigins: readonly string[]
  readonly allowedMethods: readonly string[]
  readonly allowedHeaders: readonly string[]
  readonly exposeHeaders: readonly string[]
  readonly maxAgeSeconds: number | undefined
}

const METHODS = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD'])
const VARY = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method'

/**
 * Reads a `CORSConfiguration` document.
 *
 * @throws {S3Error} `MalformedXML`, or `InvalidRequest` for unknown methods and more than one `*` in a pattern.
 */
export function parseCorsRules(document: string): CorsRule[] {
  const rules = childElements(parseXml(document, 'CORSConfiguration'), 'CORSRule').map((rule) => ({
    allowedOrigins: childTexts(rule, 'AllowedOrigin'),
    allowedMethods: childTexts(rule, 'AllowedMethod'),
    allowedHeaders: childTexts(rule, 'AllowedHeader'),
    exposeHeaders: childTexts(rule, 'ExposeHeader'),
    maxAgeSeconds: optionalNumber(childText(rule, 'MaxAgeSeconds')),
  }))
  if (rules.length === 0) throw new S3Error('MalformedXML')
  rules.forEach(checkRule)
  return rules
}

/** Answers a preflight request. @throws {S3Error} `AccessForbidden` when no rule allows the announced request. */
export function answerPreflight(request: S3Request, rules: readonly CorsRule[] | undefined): S3Response {
  const origin = request.headers.get('origin')
  const method = request.headers.get('access-control-request-method')
  if (origin === undefined || method === undefined) {
    throw new S3Error('InvalidRequest', 'Insufficient information. Origin or request method is missing.')
  }
  if (!rules) throw new S3Error('AccessForbidden', 'CORSResponse: CORS is not enabled for this bucket.')
  const requestedHeaders = (request.headers.get('access-control-request-headers') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
  const rule = rules.find((candidate) => allows(candidate, origin, method, requestedHeaders))
  if (!rule) throw new S3Error('AccessForbidden')
  return {
    status: 200,
    headers: {
      ...originHeaders(rule, origin),
      ...(requestedHeaders.length > 0 && { 'access-control-allow-headers': requestedHeaders.join(', ') }),
      ...(rule.maxAgeSeconds !== undefined && { 'access-control-max-age': String(rule.maxAgeSeconds) }),
    },
  }
}

/** The headers that let a browser's script read the response to an actual request; none if no rule allows it. */
export function corsHeaders(
  request: S3Request,
  rules: readonly CorsRule[] | undefined,
): Record<string, string> {
  const origin = request.headers.get('origin')
  if (origin === undefined) return {}
  const rule = rules?.find((candidate) => allows(candidate, origin, request.method, []))
  return rule ? originHeaders(rule, origin) : {}
}

function checkRule(rule: CorsRule): void {
  const patterns = [...rule.allowedOrigins, ...rule.allowedHeaders]
  if (rule.allowedOrigins.length === 0 || rule.allowedMethods.length === 0) throw new S3Error('MalformedXML')
  const unknownMethod = rule.allowedMethods.find((method) => !METHODS.has(method))
  if (unknownMethod !== undefined) {
    throw new S3Error('InvalidRequest', `Found unsupported HTTP method in CORS config: ${unknownMethod}`)
  }
  const unclear = patterns.find((pattern) => pattern.split('*').length > 2)
  if (unclear !== undefined)
    throw new S3Error('InvalidRequest', `"${unclear}" can not have more than one wildcard.`)
}

function allows(
  rule: CorsRule,
  origin: string,
  method: string,
  requestedHeaders: readonly string[],
): boolean {
  return (
    rule.allowedOrigins.some((pattern) => matches(pattern, origin)) &&
    rule.allowedMethods.includes(method) &&
    requestedHeaders.every((name) =>
      rule.allowedHeaders.some((pattern) => matches(pattern.toLowerCase(), name)),
    )
  )
}

function matches(pattern: string, value: string): boolean {
  const [start = '', end] = pattern.split('*')
  if (end === undefined) return pattern === value
  return value.length >= start.length + end.length && value.startsWith(start) && value.endsWith(end)
}

function originHeaders(rule: CorsRule, origin: string): Record<string, string> {
  const allowsAnyone = rule.allowedOrigins.includes('*')
  return {
    'access-control-allow-origin': allowsAnyone ? '*' : origin,
    ...(!allowsAnyone && { 'access-control-allow-credentials': 'true' }),
    'access-control-allow-methods': rule.allowedMethods.join(', '),
    ...(rule.exposeHeaders.length > 0 && { 'access-control-expose-headers': rule.exposeHeaders.join(', ') }),
    vary: VARY,
  }
}

function optionalNumber(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value)
}
