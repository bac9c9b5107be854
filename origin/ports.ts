import type { MetadataStore } from '../core/metadata-store.ts'
import type { ObjectStore } from '../core/object-store.ts'

/*
 * What delivery asks of the stores. It is less than they can do, so that clients can do it that start in a few
 * milliseconds: see docs/adr/0007-light-clients-in-the-origin.md.
 */

export type Originals = Pick<ObjectStore, 'get'>
export type Variants = Pick<ObjectStore, 'get' | 'head' | 'put' | 'delete' | 'list'>
export type Records = Pick<MetadataStore, 'get'>
