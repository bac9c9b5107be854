import { XMLParser } from 'fast-xml-parser'
import { S3Error } from './errors.ts'

export type XmlContent = string | number | boolean | undefined | readonly XmlContent[] | XmlElements
export interface XmlElements {
  readonly [name: string]: XmlContent
}

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

/**
 * Writes a response document, of S3 unless another namespace is given. An array becomes repeated elements, `undefined`
 * becomes nothing.
 */
export function xmlDocument(rootName: string, content: XmlElements, namespace = NAMESPACE): string {
  return `${DECLARATION}<${rootName} xmlns="${namespace}">${writeElements(content)}</${rootName}>`
}

/** Writes an S3 error document, which unlike all others has no namespace. */
export function xmlErrorDocument(error: S3Error, requestId: string): string {
  return (
    DECLARATION + writeElement('Error', { Code: error.code, Message: error.message, RequestId: requestId })
  )
}

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

function writeElements(elements: XmlElements): string {
  return Object.entries(elements)
    .map(([name, content]) => writeElement(name, content))
    .join('')
}

function writeElement(name: string, content: XmlContent): string {
  if (content === undefined) return ''
  if (isList(content)) return content.map((item) => writeElement(name, item)).join('')
  const inner = typeof content === 'object' ? writeElements(content) : escapeText(String(content))
  return `<${name}>${inner}</${name}>`
}

function isList(content: XmlContent): content is readonly XmlContent[] {
  return Array.isArray(content)
}

// A literal carriage return would reach the client as a line feed: XML parsers normalize line ends.
function escapeText(text: string): string {
  return text.replace(/[&<>"'\r]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Elements read from a request document: text, or child elements; always as lists, whatever their number. */
export interface ParsedElement {
  readonly [name: string]: readonly (ParsedElement | string)[] | undefined
}

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  removeNSPrefix: true,
  parseTagValue: false,
  // Keys may begin or end with spaces.
  trimValues: false,
  // Needed for numeric character references, which SDKs use for control characters in keys.
  htmlEntities: true,
  isArray: (name) => name !== '#text',
})

/**
 * Parses a request document and returns its root element.
 *
 * @throws {S3Error} `MalformedXML` when it does not parse or has another root.
 */
export function parseXml(text: string, rootName: string): ParsedElement {
  const root = childElements(parseOrFail(text), rootName)[0]
  if (root === undefined) throw new S3Error('MalformedXML')
  return root
}

function parseOrFail(text: string): ParsedElement {
  try {
    return parser.parse(text, true) as ParsedElement
  } catch {
    throw new S3Error('MalformedXML')
  }
}

/** The child elements of one name; an element with text only counts as empty. */
export function childElements(parent: ParsedElement, name: string): ParsedElement[] {
  return (parent[name] ?? []).map((child) => (typeof child === 'string' ? {} : child))
}

/** The texts of all children of one name. */
export function childTexts(parent: ParsedElement, name: string): string[] {
  return (parent[name] ?? []).filter((child) => typeof child === 'string')
}

/** The text of the first child of one name. */
export function childText(parent: ParsedElement, name: string): string | undefined {
  return childTexts(parent, name)[0]
}
