/** The KeyValueStore of the edge function when its source runs in Node; the built one gets it from the local edge. */
export const keyValueStore = new Map<string, string>()

/** Stands for CloudFront's own module, which exists in CloudFront only. */
export default {
  kvs: () => ({
    async get(key: string): Promise<string> {
      const value = keyValueStore.get(key)
      if (value === undefined) throw new Error('KeyNotFound')
      return value
    },
  }),
}
