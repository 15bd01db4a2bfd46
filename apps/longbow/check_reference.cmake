# Fails where the checked-in reference page PAGE is not what PROGRAM prints. COPY is a file to write.
execute_process(COMMAND "${PROGRAM}" check-config --reference OUTPUT_FILE "${COPY}"
                RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} check-config --reference ended with ${code}")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" -E compare_files "${COPY}" "${PAGE}"
                RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "${PAGE} is not what the code says; "
                      "run: longbow check-config --reference > docs/reference/settings.md")
endif()
