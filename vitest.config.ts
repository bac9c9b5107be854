import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globalSetup: ['local/testing/global-setup.ts'],
    include: ['**/*.test.ts'],
    exclude: ['node_modules', 'dist', '.data'],
    coverage: {
      provider: 'v8',
      include: ['{core,edge,origin,api,stores}/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.contract.ts'],
      reporter: ['text', 'json-summary'],
    },
  },
})
