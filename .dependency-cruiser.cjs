const edgeSafe = '^core/(image-url|ladder|negotiate|signature)\\.ts$'
/** Built into CloudFront Functions. */
const edgeModules = ['^cloudfront$', '^(node:)?crypto$']
const wiring = '^((origin|api)/lambda\\.ts|local/|scripts/|bench/|e2e/)'
const test = '(\\.(test|contract|fixture)\\.ts$|/testing/)'

/** The import rules of the house: see docs/architecture.md. @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'edge-imports-edge-safe-core-only',
      comment: 'CloudFront Functions has no modules, no Node and 10,240 bytes',
      severity: 'error',
      from: { path: '^edge/(?!build\\.ts)', pathNot: test },
      to: { pathNot: ['^edge/', edgeSafe, ...edgeModules] },
    },
    {
      name: 'edge-safe-core-stays-edge-safe',
      severity: 'error',
      from: { path: edgeSafe },
      to: { pathNot: edgeSafe },
    },
    {
      name: 'core-has-no-io',
      comment: 'core is the vocabulary: zod is its only library',
      severity: 'error',
      from: { path: '^core/', pathNot: test },
      to: { pathNot: ['^core/', '^node_modules/zod'] },
    },
    {
      name: 'features-import-core-and-themselves',
      severity: 'error',
      from: { path: '^(origin|api|migration|stores|client|runtime)/', pathNot: [wiring, test] },
      to: {
        path: '^(origin|api|migration|stores|client|runtime|edge|infra|local|scripts|bench|e2e|web)/',
        pathNot: ['^$1/'],
      },
    },
    {
      name: 'nobody-imports-wiring',
      severity: 'error',
      from: { pathNot: [wiring, test] },
      to: { path: wiring },
    },
    {
      name: 'sdk-in-stores-only',
      comment: 'a feature speaks to a port, never to an SDK',
      severity: 'error',
      from: { path: '^(origin|api|core|client)/', pathNot: [wiring, test] },
      to: { path: '^node_modules/@aws-sdk' },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^cloudfront$' },
    },
    {
      name: 'no-dev-dependency-in-the-deployed',
      severity: 'error',
      from: { path: '^(core|origin|api|stores|runtime|client)/', pathNot: test },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|\\.data|node_modules)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
