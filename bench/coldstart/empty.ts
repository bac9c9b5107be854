import { report } from './report.ts'

/* What every process costs. */

report()
