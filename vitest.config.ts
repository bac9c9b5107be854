import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// The SDK warns of Node 20 in every worker; which Node is supported stands in the README.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

export default defineConfig({
  // A module that exists in CloudFront only.
  resolve: { alias: { cloudfront: fileURLToPath(new URL('edge/testing/cloudfront.ts', import.meta.url)) } },
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globalSetup: ['local/testing/global-setup.ts'],
    include: ['**/*.test.ts'],
    exclude: ['node_modules', 'dist', '.data'],
    coverage: {
      provider: 'v8',
      include: ['{core,edge,origin,api,stores,client}/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.contract.ts', '**/testing/**'],
      reporter: ['text', 'json-summary'],
    },
  },
})
