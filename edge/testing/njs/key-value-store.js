/*
 * Runs in njs, in the place of CloudFront's module `cloudfront`: `kvs().get(key)` answers later, as CloudFront's does.
 * `later` runs work after the present call has returned; what njs has for that differs between its command and nginx.
 */
export default function createCloudFront(keys, later) {
  return {
    kvs: function () {
      return { get: get }
    },
  }

  function get(key) {
    return new Promise(function (resolve, reject) {
      later(function () {
        if (Object.prototype.hasOwnProperty.call(keys, key)) resolve(keys[key])
        else reject(new Error('KeyNotFound'))
      })
    })
  }
}
