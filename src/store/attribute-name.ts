import { z } from 'zod';

/** Of an attribute of metering points, in `gridtally.yaml`. */
export const attributeName = z
    .string()
    .regex(
        /^[a-z][a-z0-9_]*$/,
        'must be the name of an attribute: lower-case letters, digits and underscores',
    );
