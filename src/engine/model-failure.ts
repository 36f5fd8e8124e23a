import { GridtallyError } from '../kernel/errors.ts';

/** Does what a model is for; where the engine cannot, the error names the model beside the engine and what it said. */
export async function namingModel<T>(model: string, work: () => Promise<T>): Promise<T> {
    try {
        return await work();
    } catch (error) {
        if (!(error instanceof GridtallyError) || error.code !== 'engine.failed') throw error;
        const { code, message, remedy } = error;
        throw new GridtallyError(code, `model ${model}: ${message}`, { remedy, cause: error });
    }
}
