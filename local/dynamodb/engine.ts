/** What both stand-ins for DynamoDB are given. */
export interface EngineOptions {
  /** Folder for the tables; absent, they are kept in memory. */
  dir: string | undefined
  /** 0 takes a free port. */
  port: number
}

export interface Engine {
  endpoint: string
  /** May be called twice. Resolves when the port is free again. */
  stop(): Promise<void>
}
